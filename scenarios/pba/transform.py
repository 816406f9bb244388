"""A learned schedule in your own PyTorch training: a transform for your data loader.

    augment = Augmentation.from_log("pbt_policy_3.txt", search_epochs=200, epochs=300, mean=(125, 123, 114))
    loader = DataLoader(MyImages(transform=augment), batch_size=128, num_workers=4)
    for epoch in range(300):
        augment.epoch = epoch
        for images, labels in loader:
            ...

It takes an image (colours, height, width) or a batch of them, as bytes or as floats from 0 to 1, and gives the like.
The epoch is in shared memory, so that workers of a loader see it, those that live on too. Chance comes from PyTorch's
generator, which a loader seeds in each worker: `torch.manual_seed` makes a training repeatable.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from scenarios.pba.augmenting import Basics, augment
from scenarios.pba.choosing import COUNTS, by_policy, check_counts
from scenarios.pba.schedule import Schedule, extract
from scenarios.pba.schedule_log import read
from sim.errors import UserError

_LARGEST = 2**63 - 1


class Augmentation:
    """Augments by the schedule's policy of the present epoch, then does the `basics`.

    `mean`: the colour (0 to 255 per channel) that holes get, so that they are zero once you normalise.
    """

    def __init__(
        self,
        schedule: Schedule,
        mean: Sequence[float],
        basics: Basics | None = None,
        counts: tuple[float, ...] = COUNTS,
    ) -> None:
        check_counts(counts)
        self.schedule, self.mean, self.basics, self.counts = schedule, tuple(mean), basics or Basics(), counts
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    @classmethod
    def from_log(
        cls, path: str | Path, search_epochs: int, epochs: int, mean: Sequence[float], basics: Basics | None = None
    ) -> "Augmentation":
        """From a schedule log of a search of `search_epochs`, stretched to `epochs`. Raises `UserError`."""
        return cls(extract(read(Path(path)), search_epochs).stretched(epochs), mean, basics)

    @property
    def epoch(self) -> int:
        """The epoch that images are augmented for, counted from 0."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        if epoch < 0:
            raise UserError(f"epoch is {epoch}; epochs count from 0")
        self._epoch.fill_(epoch)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """A new tensor of the same shape and type. Raises `UserError` for another shape or type than said above."""
        one = images.ndim == 3
        batch = (images[None] if one else images).detach().cpu()
        whole = batch.dtype == torch.uint8
        if not whole and not batch.is_floating_point():
            raise UserError(f"images are {batch.dtype}; bytes, or floats from 0 to 1, are needed")
        if batch.ndim != 4 or batch.shape[1] != len(self.mean):
            raise UserError(
                f"images are of shape {tuple(images.shape)}; ([number,] {len(self.mean)}, height, width) is needed"
            )
        planes = batch.numpy() if whole else np.rint(batch.clamp(0, 1).numpy() * 255.0).astype(np.uint8)
        random = np.random.default_rng(int(torch.randint(_LARGEST, ())))
        shape = planes.shape[2], planes.shape[3]
        chosen = by_policy(self.schedule.at(self.epoch), len(planes), shape, random, self.counts)
        made = torch.from_numpy(augment(np.ascontiguousarray(planes), chosen, self.mean, self.basics, random))
        made = made if whole else made.to(images.dtype) / 255
        return made[0] if one else made
