"""Maximum likelihood on rows alone: the sum of the columns' cross entropies, by Adam, with wildcards masked in.

Wildcards: for every batch and column, k is uniform in 0..n-1, and each row's code becomes UNKNOWN with probability k/n
in the input; the loss stays on all true codes. The rate follows Naru's artefact: with a warm-up of t steps,
d^-0.5 min(s^-0.5, s t^-1.5) at step s, d = 32; without, it is constant.

All that is random in an epoch comes from the seed and the epoch's number, so training that is resumed from a checkpoint
goes on with the very same bytes.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scenarios.naru.conditionals import UNKNOWN
from scenarios.naru.made import Made
from scenarios.naru.table import Codes, Table
from sim.errors import UserError

#: The artefact's d: the width of its embeddings.
_D = 32


@dataclass(frozen=True, slots=True)
class Plan:
    """`epochs` over the rows in batches; `warm_up` steps, or 0 for a constant `rate`; `seed` is of order and masks."""

    epochs: int
    batch: int = 1024
    warm_up: int = 0
    rate: float = 1e-2
    wildcards: bool = True
    seed: int = 0

    def rate_at(self, step: int) -> float:
        """The rate of step `step`, counted from 1.

        >>> Plan(1, warm_up=4).rate_at(2) < Plan(1, warm_up=4).rate_at(4) > Plan(1, warm_up=4).rate_at(9)
        True
        """
        if not self.warm_up:
            return self.rate
        return float(_D**-0.5 * min(step**-0.5, step * self.warm_up**-1.5))


def train(
    model: Made,
    codes: Codes,
    plan: Plan,
    checkpoint: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> list[float]:
    """Train `model` in place on rows, shape (rows, columns); the mean loss of every epoch, in bits per row.

    After every epoch the state is written to `checkpoint`; if it exists already, training goes on from there.
    Raises `UserError` for no rows, and for a checkpoint of another network or table.
    """
    if len(codes) == 0:
        raise UserError("the table has no rows; nothing can be learned from it")
    rows = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.int64))
    optimizer = torch.optim.Adam(model.parameters())
    losses = _resumed(model, optimizer, checkpoint)
    for epoch in range(len(losses), plan.epochs):
        losses.append(_epoch(model, optimizer, rows, plan, epoch))
        if checkpoint is not None:
            _keep(checkpoint, model, optimizer, losses)
        progress((epoch + 1) / plan.epochs)
    return losses


def _epoch(model: Made, optimizer: torch.optim.Adam, rows: Tensor, plan: Plan, epoch: int) -> float:
    random = np.random.default_rng([plan.seed, epoch])
    step = epoch * -(-len(rows) // plan.batch)
    total = 0.0
    for batch in _batches(len(rows), plan.batch, random):
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step)
        targets = rows[batch]
        loss = nats(model, masked(targets, random) if plan.wildcards else targets, targets).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item() * len(targets)
    return total / len(rows) / log(2)


def _batches(number: int, batch: int, random: np.random.Generator) -> Iterator[Tensor]:
    order = torch.from_numpy(random.permutation(number))
    for start in range(0, number, batch):
        yield order[start : start + batch]


def masked(codes: Tensor, random: np.random.Generator) -> Tensor:
    """`codes` with UNKNOWN where a wildcard is drawn, shape (rows, columns)."""
    columns = codes.shape[1]
    share = random.integers(0, columns, columns) / columns
    return torch.where(torch.from_numpy(random.random(codes.shape) < share), UNKNOWN, codes)


def nats(model: Made, inputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log likelihood of each row of `targets`, shape (rows,), in nats."""
    losses = [
        functional.cross_entropy(logits, targets[:, place], reduction="none")
        for place, logits in enumerate(model(inputs))
    ]
    return torch.stack(losses).sum(dim=0)


def bits(model: Made, table: Table, batch: int = 4096) -> float:
    """Cross entropy of the table's rows under the model, bits per row, nothing masked. Less the entropy: the gap."""
    rows = torch.from_numpy(np.ascontiguousarray(table.codes, dtype=np.int64))
    with torch.no_grad():
        parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        total = sum(float(nats(model, part, part).double().sum()) for part in parts)
    return total / len(rows) / log(2)


def _keep(checkpoint: Path, model: Made, optimizer: torch.optim.Adam, losses: list[float]) -> None:
    """Written beside and moved, so that a run that is killed leaves the last whole state."""
    beside = checkpoint.with_suffix(checkpoint.suffix + ".part")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses, "of": _of(model)}
    torch.save(state, beside)
    os.replace(beside, checkpoint)


def _resumed(model: Made, optimizer: torch.optim.Adam, checkpoint: Path | None) -> list[float]:
    if checkpoint is None or not checkpoint.exists():
        return []
    state = torch.load(checkpoint, weights_only=True)
    if state["of"] != _of(model):
        raise UserError(f"{checkpoint} is the state of another network or table; remove it, or give another name")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return [float(loss) for loss in state["losses"]]


def _of(model: Made) -> str:
    return f"{model.domains} {model.order} {model.shape}"
