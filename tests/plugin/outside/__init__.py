"""A package outside the repository: one scenario, one hardware kind, one card."""
