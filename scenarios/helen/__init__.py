"""Can parties that compete train one linear model without showing data, and what does it cost them?

After *Helen: Maliciously Secure Coopetitive Learning for Linear Models* (arXiv:1907.07212). Consensus ADMM on d x d
summaries under threshold Paillier, with zero-knowledge proofs, and its small non-linear step in SPDZ. All but one of
the parties may cheat; then everybody stops before anything is released.
"""
