"""Cards of links: one TOML file each, every figure with its source and how sure it is.

Rates are those of the standards and datasheets; latencies are orders of magnitude, there to be replaced by your own.
"""
