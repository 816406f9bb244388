"""Studies of pba."""
