"""Cards of GPUs: one TOML file each, every figure with its source and how sure it is.

Vendors write "GB" for what is a power of two on these boards: an "80 GB" H100 shows 81,559 MiB to its driver.
So `memory` is the vendor's number read as GiB, and `driver_reserved` what CUDA programs never get to see of it
(firmware, page tables, error-correcting codes on GDDR). A what-if that sets `memory` keeps the reserves.
"""
