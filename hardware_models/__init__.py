"""What hardware does and what it costs. Knows `sim`, knows no scenario."""
