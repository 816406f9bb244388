"""Cards of radio links: one TOML file each, every figure with its source and how sure it is.

The channel is the user's to choose (mean SNR, Doppler, feedback), so those figures are the set-up of the experiment
a card is named after; what a standard fixes (slot, tables, HARQ) is cited.
"""
