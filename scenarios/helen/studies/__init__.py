"""Studies of Helen: what it costs by parties and features, and what becomes of cheats."""
