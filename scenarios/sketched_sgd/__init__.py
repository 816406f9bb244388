"""At which bandwidth does compressing gradients start to pay for a model, and when does it stop?

After "Communication-efficient distributed SGD with Sketching" (arXiv:1903.04488), its baselines and its successors.
"""
