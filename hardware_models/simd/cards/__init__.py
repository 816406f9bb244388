"""The shipped cards of cores with vector units."""
