"""What a GPU's memory and time do to a training iteration: cards, cost of kernels, memory timelines."""
