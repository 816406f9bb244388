"""Cards of switch chips: one TOML file each, every figure with its source and how sure it is.

Figures marked p4c were read in the open-sourced compiler back end, github.com/p4lang/p4c, folder
backends/tofino/bf-p4c (commit 34b86e9 unless another is named); they are what that compiler believes about the chip.
"""
