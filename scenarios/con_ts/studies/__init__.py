"""Studies of Con-TS: the set-ups of its authors, a stress grid, and what-ifs."""
