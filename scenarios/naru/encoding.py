"""Codes as numbers that a network takes in: bits, a one-hot vector, or a learned embedding, per column.

Each column has besides a learned vector that stands for UNKNOWN (wildcard skipping). So a column's codes are rows of
one table, `codes + 1` deep, of which UNKNOWN's row is the last; encoding is a look-up.
"""

from typing import Literal

import torch
from torch import Tensor, nn

EncodingName = Literal["binary", "one_hot", "embed"]


class ColumnEncoding(nn.Module):
    """A column of `domain` codes. `embed` is one-hot for a domain no larger than the embedding.

    >>> ColumnEncoding(5, "binary", 32).width, ColumnEncoding(500, "embed", 32).width
    (3, 32)
    """

    fixed: Tensor

    def __init__(self, domain: int, encoding: EncodingName, embedding: int) -> None:
        super().__init__()
        self.embeds = encoding == "embed" and domain > embedding
        fixed = _bits(domain) if encoding == "binary" else torch.eye(domain)
        self.width = embedding if self.embeds else fixed.shape[1]
        self.register_buffer("fixed", fixed[:0] if self.embeds else fixed, persistent=False)
        self.learned = nn.Parameter(0.02 * torch.randn(domain if self.embeds else 0, self.width))
        self.unknown = nn.Parameter(0.02 * torch.randn(1, self.width))

    @property
    def rows(self) -> Tensor:
        """One row per code and a last one for UNKNOWN, shape (domain + 1, width): index -1 finds UNKNOWN's."""
        return torch.cat([self.learned if self.embeds else self.fixed, self.unknown])


def _bits(domain: int) -> Tensor:
    """Code c in binary, least significant bit first, shape (domain, ceil(log2 domain)), at least one bit."""
    width = max(1, (domain - 1).bit_length())
    return ((torch.arange(domain)[:, None] >> torch.arange(width)) & 1).float()
