"""MADE and ResMADE: one network whose output holds the logits of every column, given the columns before it.

A residual block is x + W2 relu(W1 relu(x)), both masked. With `direct`, one more masked layer leads from the encoded
input to the output. Under `embed`, a column that is embedded has as many outputs as the embedding has components, and
logits are their products with the same embedding (embedding reuse).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scenarios.naru.encoding import ColumnEncoding, EncodingName
from scenarios.naru.masks import cyclic_degrees, group_degrees, may_follow, must_follow, random_degrees


@dataclass(frozen=True, slots=True)
class Shape:
    """`layers` hidden layers of `width` units; residual: one layer, then (layers - 1) // 2 blocks of two."""

    width: int = 128
    layers: int = 5
    residual: bool = True
    direct: bool = True
    encoding: EncodingName = "binary"
    embedding: int = 32


class MaskedLinear(nn.Module):
    """A layer whose weights are zero where `mask`, shape (outputs, inputs), is."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty_like(mask)))
        self.bias = nn.Parameter(torch.zeros(len(mask)))

    def forward(self, inputs: Tensor, outputs: slice = slice(None)) -> Tensor:
        """All outputs, or some, shape (rows, outputs)."""
        weight = self.weight[outputs] * self.mask[outputs]
        return functional.linear(inputs, weight, self.bias[outputs])


class Made(nn.Module):
    """Logits of columns with `domains` codes in `order`; degrees of hidden units that are not cyclic are from `random`.

    First weights are from torch's generator: seed it before.
    """

    def __init__(
        self, domains: tuple[int, ...], order: tuple[int, ...], shape: Shape, random: np.random.Generator
    ) -> None:
        super().__init__()
        self.domains, self.order, self.shape = domains, order, shape
        columns = [ColumnEncoding(domain, shape.encoding, shape.embedding) for domain in domains]
        self.encodings = nn.ModuleList(columns)
        inputs = group_degrees(order, [one.width for one in columns])
        widths = [one.width if one.embeds else domain for one, domain in zip(columns, domains, strict=True)]
        outputs = group_degrees(order, widths)
        ends = np.cumsum([0, *widths]).tolist()
        self.slices = [slice(start, end) for start, end in pairwise(ends)]
        degrees = _degrees(shape, len(domains), random)
        self.hidden = nn.ModuleList(
            MaskedLinear(may_follow(after, before)) for before, after in zip([inputs, *degrees], degrees, strict=False)
        )
        self.output = MaskedLinear(must_follow(outputs, degrees[-1]))
        self.direct = MaskedLinear(must_follow(outputs, inputs)) if shape.direct else None

    def encode(self, codes: Tensor) -> Tensor:
        """Codes, shape (rows, columns), UNKNOWN allowed, as input of the network."""
        return torch.cat([self._column(place).rows[codes[:, place]] for place in range(len(self.domains))], dim=1)

    def features(self, encoded: Tensor) -> Tensor:
        """The last hidden layer, after its activation, shape (rows, width)."""
        first, *rest = self.hidden
        flow = first(encoded)
        if not self.shape.residual:
            for layer in rest:
                flow = layer(torch.relu(flow))
            return torch.relu(flow)
        for inner, outer in zip(rest[::2], rest[1::2], strict=True):
            flow = flow + outer(torch.relu(inner(torch.relu(flow))))
        return torch.relu(flow)

    def outputs(self, encoded: Tensor, features: Tensor, which: slice = slice(None)) -> Tensor:
        """All outputs, or some."""
        found = cast(Tensor, self.output(features, which))
        return found if self.direct is None else found + self.direct(encoded, which)

    def logits_of(self, place: int, outputs: Tensor) -> Tensor:
        """The logits of column `place` from its own outputs, shape (rows, domains[place])."""
        column = self._column(place)
        return outputs @ column.learned.T if column.embeds else outputs

    def logits_from(self, place: int, encoded: Tensor) -> Tensor:
        """The logits of one column from encoded input, without computing those of the others."""
        return self.logits_of(place, self.outputs(encoded, self.features(encoded), self.slices[place]))

    def forward(self, codes: Tensor) -> list[Tensor]:
        """The logits of every column, in the table's order."""
        encoded = self.encode(codes)
        found = self.outputs(encoded, self.features(encoded))
        return [self.logits_of(place, found[:, which]) for place, which in enumerate(self.slices)]

    def _column(self, place: int) -> ColumnEncoding:
        return cast(ColumnEncoding, self.encodings[place])


def _degrees(shape: Shape, columns: int, random: np.random.Generator) -> list[Tensor]:
    if shape.residual:
        return [cyclic_degrees(shape.width, columns)] * (1 + 2 * ((shape.layers - 1) // 2))
    return [random_degrees(shape.width, columns, random) for _ in range(shape.layers)]
