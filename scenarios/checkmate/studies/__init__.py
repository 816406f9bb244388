"""Studies of Checkmate: figures of the paper, and what-ifs."""
