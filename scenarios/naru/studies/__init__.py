"""Studies of naru, as TOML files."""
