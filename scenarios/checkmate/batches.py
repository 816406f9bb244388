"""A network's training graph at any batch, from traces at two: everything in it is linear in the batch."""

from dataclasses import replace

from scenarios.checkmate.graph import Graph
from sim.errors import UserError


def at_batch(one: Graph, other: Graph, batches: tuple[int, int], batch: int) -> Graph:
    """The graph at `batch`, on the line through `one` and `other` at `batches`; exact for consecutive batches.

    Raises `UserError` when the two are not the same operators, because a network then does something else at
    another batch.

    >>> from scenarios.checkmate.paper_graphs import paper_graph
    >>> at_batch(paper_graph("vgg16", 4), paper_graph("vgg16", 5), (4, 5), 9) == paper_graph("vgg16", 9)
    True
    """
    if [each.name for each in one.operators] != [each.name for each in other.operators]:
        raise UserError(f"network {one.name} runs other operators at batch {batches[0]} than at batch {batches[1]}")
    steps, step = batch - batches[0], batches[1] - batches[0]

    def whole(here: int, there: int) -> int:
        return here + (there - here) * steps // step

    def real(here: float, there: float) -> float:
        return here + (there - here) * steps / step

    operators = tuple(
        replace(
            a,
            flops=real(a.flops, b.flops),
            traffic=real(a.traffic, b.traffic),
            workspace=whole(a.workspace, b.workspace),
        )
        for a, b in zip(one.operators, other.operators, strict=True)
    )
    values = tuple(replace(a, bytes=whole(a.bytes, b.bytes)) for a, b in zip(one.values, other.values, strict=True))
    fixed = replace(one.fixed, inputs=whole(one.fixed.inputs, other.fixed.inputs))
    return replace(one, operators=operators, values=values, fixed=fixed)
