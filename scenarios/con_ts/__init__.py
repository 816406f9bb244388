"""Which rate keeps a link's latency constraint at the best throughput, when success can only be learned by sending?

After *Constrained Thompson Sampling for Wireless Link Optimization* (arXiv:1902.11102) and the same authors' public
experiments. The algorithm, its relatives and its rivals choose rates on the links of `hardware_models.wireless`.
"""
