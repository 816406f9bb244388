"""Studies of Harmonia: the axes of its authors, closed forms, fail-over, and what-ifs."""
