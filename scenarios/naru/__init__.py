"""What is a learned estimate of selectivity worth: how accurate is it, what does a query cost, does a plan improve?

After "Deep Unsupervised Cardinality Estimation" (arXiv:1905.04278), its rivals in PostgreSQL, and a Chow-Liu tree.
"""
