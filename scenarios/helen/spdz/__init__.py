"""SPDZ: shares of numbers modulo a prime, with shares of their MACs, and what is done with them online.

After Damgard, Pastro, Smart, Zakarias (Crypto 2012) and Damgard et al. (ESORICS 2013). Preprocessing comes from a
dealer (`dealer`), which stands for the offline phase: the online phase alone does not notice a bad triple.
"""
