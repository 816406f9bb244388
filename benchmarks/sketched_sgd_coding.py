"""How far from single-pass kernels is coding with plain tensor operations? One thread, CPU time, interleaved.

The step-time model prices encoding and decoding by the words that a kernel made for the purpose would read and write
(`scenarios.sketched_sgd.step_time.WORDS`). Here the same work is done as one writes it in PyTorch, and is divided by
what those words cost at this machine's copy bandwidth. The share that comes out is what the setting `coding` stands
for. It is a CPU's; a GPU's operations have other ratios, but as many passes.

6.5 million coordinates, 1 % kept. Nothing is claimed, so the exit status is 0.
"""

import numpy as np
import torch
from sketched_sgd_sketch import Straightforward, timed

from scenarios.sketched_sgd.step_time import ROW_WORDS, SKETCHES, WORDS

SIZE, ROWS, COLUMNS, KEEP, RANK, ROUNDS = 6_500_000, 5, 500_000, 65_000, 2, 5
BUCKET, LEVELS = 128, 7


class Plain:
    """Encoding and decoding of each method with the tensor operations at hand, on one gradient."""

    def __init__(self, random):
        self.gradient = torch.from_numpy(random.standard_t(3, SIZE).astype(np.float32))
        self.error, self.momentum = torch.zeros(SIZE), torch.zeros(SIZE)
        self.drawn = torch.from_numpy(random.choice(SIZE, KEEP, replace=False))
        self.sketch = Straightforward()
        self.right = torch.from_numpy(random.standard_normal((2_600, RANK)).astype(np.float32))

    def _due(self):
        self.momentum.mul_(0.9).add_(self.gradient)
        return self.error.add_(self.momentum)

    def _clear(self, chosen):
        self.momentum[chosen], self.error[chosen] = 0.0, 0.0

    def local_top_k(self):
        """Memory, the largest, their values, and what the others sent scattered."""
        due = self._due()
        chosen = torch.topk(due.abs(), KEEP, sorted=False).indices
        update = torch.zeros(SIZE).scatter_(0, chosen, due[chosen])
        self._clear(chosen)
        return update

    def random_k(self):
        """Memory and two gathers."""
        update = torch.zeros(SIZE).scatter_(0, self.drawn, self._due()[self.drawn])
        self._clear(self.drawn)
        return update

    def sketched(self):
        """Memory, a sketch, all point queries, the largest."""
        chosen = self.sketch.decode(self.sketch.encode(self._due()))
        self._clear(chosen)
        return chosen

    def sign_feedback(self):
        """One scale; eight signs to a byte; the error."""
        due = self.gradient + self.error
        scale = due.abs().mean()
        bits = (due >= 0).view(torch.uint8).reshape(-1, 8)
        packed = (bits << torch.arange(8, dtype=torch.uint8)).sum(dim=1, dtype=torch.uint8)
        arrived = ((packed[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1).reshape(-1).float() * 2 - 1
        self.error = due - arrived * scale
        return arrived

    def qsgd(self):
        """Norms of buckets of 128, a level and a sign a byte."""
        rows = self.gradient[: SIZE // BUCKET * BUCKET].reshape(-1, BUCKET)
        norms = rows.norm(dim=1, keepdim=True)
        level = torch.floor(rows.abs() / norms * LEVELS + torch.rand(rows.shape))
        code = (level * rows.sign()).to(torch.int8)
        return code.float() * (norms / LEVELS)

    def terngrad(self):
        """-1, 0 or 1, a byte each."""
        scale = self.gradient.abs().max()
        code = (torch.rand(SIZE) < self.gradient.abs() / scale).float() * self.gradient.sign()
        return code.to(torch.int8).float() * scale

    def power_sgd(self):
        """One matrix of 2,500 x 2,600."""
        due = (self.gradient + self.error).reshape(-1, len(self.right))
        left = torch.linalg.qr(due @ self.right).Q
        self.right = due.T @ left
        arrived = (left @ self.right.T).reshape(-1)
        self.error = due.reshape(-1) - arrived
        return arrived


def main():
    torch.set_num_threads(1)
    plain = Plain(np.random.default_rng(0))
    methods = ("local_top_k", "random_k", "sketched", "sign_feedback", "qsgd", "terngrad", "power_sgd")
    into = torch.empty(SIZE)
    work = {"copy": lambda: into.copy_(plain.gradient), **{name: getattr(plain, name) for name in methods}}
    for one in work.values():
        one()
    times = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, one in work.items():
            times[name].append(min(timed(one)[0] for _ in range(3 if name == "copy" else 1)))
    word = np.array(times["copy"]) / 2  # a copy reads a word and writes one
    print(f"{'method':>14}  plain operations  in words  single pass  share (`coding`)")
    for name in methods:
        words = WORDS[name] + (ROW_WORDS * ROWS if name in SKETCHES else 0)
        taken = float(np.median(np.array(times[name]) / word))
        print(f"{name:>14}  {np.median(times[name]) * 1e3:13.1f} ms  {taken:8.0f}  {words:11}  {words / taken:16.3f}")


if __name__ == "__main__":
    main()
