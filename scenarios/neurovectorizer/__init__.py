"""NeuroVectorizer: vectorization and interleave factors for innermost loops (arXiv:1909.13639)."""
