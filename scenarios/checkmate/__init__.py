"""Which activations should be recomputed so that training fits in this GPU's memory, and at what cost?

Checkmate: Breaking the Memory Wall with Optimal Tensor Rematerialization (arXiv:1910.02653, MLSys 2020).
"""
