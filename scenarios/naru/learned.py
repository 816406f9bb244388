"""A trained network as `Conditionals`: masks multiplied in once, only the outputs of the column that is asked for."""

from copy import deepcopy
from typing import cast

import numpy as np
import torch

from scenarios.naru.conditionals import Prefixes, Probabilities
from scenarios.naru.encoding import ColumnEncoding
from scenarios.naru.made import Made, MaskedLinear


class Learned:
    """Freezes `network` as it is now; later training changes nothing here.

    `wildcards` says whether it was trained to be told UNKNOWN.
    """

    def __init__(self, network: Made, wildcards: bool = True) -> None:
        self.domains, self.order, self.wildcards = network.domains, network.order, wildcards
        self._network = deepcopy(network).requires_grad_(False)
        with torch.no_grad():
            for layer in self._network.modules():
                if isinstance(layer, MaskedLinear):
                    layer.weight.mul_(layer.mask)
        self._rows = [cast(ColumnEncoding, column).rows for column in self._network.encodings]

    @property
    def bytes(self) -> int:
        """Storage of the network's weights that masks let through, as float32: 4 bytes each."""
        masks = [layer.mask for layer in self._network.modules() if isinstance(layer, MaskedLinear)]
        of_layers = sum(int(mask.sum()) + len(mask) for mask in masks)
        others = sum(weights.numel() for weights in self._network.encodings.parameters())
        return 4 * (of_layers + others)

    def probabilities(self, place: int, prefixes: Prefixes) -> Probabilities:
        """See `Conditionals`."""
        codes = torch.from_numpy(prefixes)
        encoded = torch.cat([rows[codes[:, column]] for column, rows in enumerate(self._rows)], dim=1)
        logits = self._network.logits_from(place, encoded)
        return np.asarray(torch.softmax(logits.double(), dim=1).numpy(), dtype=np.float64)
