"""Cards of tape drives."""
