"""Studies of sketched_sgd, as TOML files."""
