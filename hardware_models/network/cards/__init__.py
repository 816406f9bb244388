"""Cards of racks: one TOML file each, every figure with its source and how sure it is.

Rates are those of the standards; latencies and server rates are orders of magnitude, there to be replaced by your own.
"""
