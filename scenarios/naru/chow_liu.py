"""The tree of columns that is nearest to the joint distribution, with exact inference: the honest cheap rival.

Chow and Liu, 1968: among all distributions in which each column depends on one other, the maximum-likelihood one is
the spanning tree of greatest mutual information, with the rows' own conditional frequencies. A region's probability
is then a sum over the tree from the leaves: a column tells its parent, for each of the parent's codes a,
sum over its codes b in the region of P(b | a) * (what its own children told it of b).
"""

from dataclasses import dataclass
from functools import reduce

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scenarios.naru.table import Regions, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A column, the columns that hang on it, and P(its code | parent's code), sparse, (parent's codes, codes)."""

    place: int
    children: tuple["_Node", ...]
    given_parent: sparse.csr_array


class ChowLiu:
    """Full domains, no binning. Every pair of codes that occurs costs 8 bytes: a code and a probability.

    The tree hangs on column 0; which root is taken changes no answer.
    """

    def __init__(self, table: Table) -> None:
        graph = nx.Graph()
        graph.add_nodes_from(range(len(table.columns)))
        for second in range(len(table.columns)):
            for first in range(second):
                graph.add_edge(first, second, weight=mutual_information(_pairs(table, first, second)))
        tree = nx.maximum_spanning_tree(graph)
        self.links = sorted((min(link), max(link)) for link in tree.edges)
        self._root = _hang(table, tree, 0, None)
        self.bytes = 8 * _cells(self._root)

    def selectivity(self, regions: Regions) -> float:
        """See `Estimator`."""
        return min(1.0, float(_told(self._root, regions)[0]))


def mutual_information(counts: sparse.csr_array) -> float:
    """In bits, of a table of counts of pairs.

    >>> mutual_information(sparse.csr_array([[2, 0], [0, 2]])), mutual_information(sparse.csr_array([[1, 1], [1, 1]]))
    (1.0, 0.0)
    """
    pairs = counts.tocoo()
    total = pairs.data.sum()
    first, second = np.asarray(counts.sum(axis=1)).ravel(), np.asarray(counts.sum(axis=0)).ravel()
    lift = pairs.data * total / (first[pairs.row] * second[pairs.col])
    return float((pairs.data / total * np.log2(lift)).sum())


def _pairs(table: Table, first: int, second: int) -> sparse.csr_array:
    cells = (table.codes[:, first], table.codes[:, second])
    shape = (table.domains[first], table.domains[second])
    return sparse.coo_array((np.ones(len(table)), cells), shape=shape).tocsr()


def _hang(table: Table, tree: nx.Graph, place: int, parent: int | None) -> _Node:
    children = tuple(_hang(table, tree, child, place) for child in sorted(tree[place]) if child != parent)
    if parent is None:
        alone = np.bincount(table.codes[:, place], minlength=table.domains[place]) / len(table)
        return _Node(place, children, sparse.csr_array(alone[None, :]))
    counts = _pairs(table, parent, place)
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    return _Node(place, children, sparse.csr_array(sparse.diags_array(1 / totals) @ counts))


def _told(node: _Node, regions: Regions) -> Floats:
    """What `node` tells its parent, shape (parent's codes,)."""
    asked = regions.get(node.place, np.ones(node.given_parent.shape[1], dtype=bool)).astype(np.float64)
    return np.asarray(
        node.given_parent @ reduce(np.multiply, [_told(child, regions) for child in node.children], asked)
    )


def _cells(node: _Node) -> int:
    return int(node.given_parent.nnz) + sum(_cells(child) for child in node.children)
