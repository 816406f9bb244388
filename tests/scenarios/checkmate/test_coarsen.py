from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.coarsen import Coarse, coarsen
from scenarios.checkmate.graph import Graph, Kind, Operator, Value, working_set
from scenarios.checkmate.graph_file import check

#: Network -> (batch, shape, the range of layers that its paper graph's size lets us expect).
NETWORKS: dict[str, tuple[int, tuple[int, ...], range]] = {
    "vgg16": (2, (3, 64, 64), range(44, 56)),
    "resnet50": (2, (3, 64, 64), range(180, 210)),
    "mobilenet": (2, (3, 64, 64), range(85, 130)),
    "unet": (2, (3, 64, 64), range(45, 72)),
    "gpt2": (1, (32,), range(200, 330)),
}


def once_through_peak(graph: Graph) -> int:
    """As in test_capture, and written again here so that the two tests stand alone."""
    sizes, users = graph.value_bytes().tolist(), graph.users()
    live = peak = 0
    for index, operator in enumerate(graph.operators):
        live += sum(sizes[value] for value in operator.outputs)
        peak = max(peak, live + operator.workspace)
        for value in {*operator.inputs, *operator.outputs} - graph.results:
            if max(users[value], default=index) == index:
                live -= sizes[value]
    return peak


def holds(fine: Graph, coarse: Coarse) -> None:
    """Everything that coarsening promises."""
    check(coarse.graph)
    assert sorted(part for parts in coarse.parts for part in parts) == list(range(len(fine.operators)))
    assert coarse.graph.fixed == fine.fixed
    assert {coarse.values[value] for value in coarse.graph.results} == fine.results
    assert [fine.values[value] for value in coarse.values] == list(coarse.graph.values)
    assert working_set(coarse.graph)[0] == working_set(fine)[0]
    assert once_through_peak(coarse.graph) <= once_through_peak(fine)
    for what in ("flops", "traffic", "kernels"):
        total = sum(getattr(operator, what) for operator in fine.operators)
        assert sum(getattr(operator, what) for operator in coarse.graph.operators) == pytest.approx(total)
    order = [part for parts in coarse.parts for part in parts]
    place = {operator: index for index, operator in enumerate(order)}
    producers = fine.producers().tolist()
    for index, operator in enumerate(fine.operators):
        assert all(place[producers[value]] < place[index] for value in operator.inputs)
    for parts in coarse.parts:
        assert sum(fine.operators[part].op_class in ("conv", "matmul") for part in parts) <= 1
        assert len({fine.operators[part].backward for part in parts}) == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_shrink_to_their_layers_and_keep_their_peak(name: str) -> None:
    batch, shape, expected = NETWORKS[name]
    fine = capture_network(name, batch, shape).graph
    coarse = coarsen(fine)
    holds(fine, coarse)
    assert len(coarse.graph.operators) in expected
    assert once_through_peak(coarse.graph) == once_through_peak(fine)


def test_operator_granularity_changes_nothing() -> None:
    fine = capture_network("segnet", 1, (3, 32, 32)).graph
    assert coarsen(fine, "operator").graph == fine


def test_coarsening_again_changes_little_and_breaks_nothing() -> None:
    once = coarsen(capture_network("resnet50", 2, (3, 32, 32)).graph).graph
    holds(once, coarsen(once))


def test_a_layer_is_named_after_its_parts_and_counts_what_lives_inside() -> None:
    coarse = coarsen(capture_network("vgg16", 2, (3, 64, 64)).graph).graph
    by_name = {operator.name: operator for operator in coarse.operators}
    first = by_name["features.0.conv1_1.convolution+relu1_1.relu"]
    assert first.op_class == "conv"
    assert first.kernels == 2
    assert first.workspace == coarse.values[first.outputs[0]].bytes  # the convolution's output, before the ReLU


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A random training graph: a forward, a loss, and a backward that reads back."""
    count = draw(st.integers(3, 14))
    loss = draw(st.integers(0, count - 2))
    operators, values = [], []
    for index in range(count):
        reads = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        if index == loss + 1:
            reads.add(loss)
        outputs = []
        for output in range(draw(st.integers(1, 2))):
            kind = Kind.STATISTIC if output and draw(st.booleans()) else Kind.ACTIVATION
            values.append((index, Value(f"{index}:{output}", draw(st.integers(0, 20)), kind)))
            outputs.append(len(values) - 1)
        readable = [number for number, (maker, _) in enumerate(values) if maker in reads]
        inputs = [number for number in readable if draw(st.booleans())] or readable[:1]
        if index == loss + 1 and not any(values[number][0] <= loss for number in inputs):
            inputs.append(next(number for number, (maker, _) in enumerate(values) if maker == loss))
        operators.append(
            Operator(
                f"op{index}",
                tuple(inputs),
                tuple(outputs),
                flops=draw(st.integers(1, 9)),
                workspace=draw(st.integers(0, 5)),
                backward=index > loss,
                op_class=draw(st.sampled_from(["conv", "pointwise", "norm"])),
            )
        )
    results = draw(st.sets(st.integers(0, len(values) - 1)))
    return Graph("random", tuple(operators), tuple(value for _, value in values), frozenset(results))


@given(graphs())
def test_coarsening_keeps_its_promises_on_any_graph(fine: Graph) -> None:
    holds(fine, coarsen(fine))


def test_a_chain_in_one_direction_is_one_operator() -> None:
    cheap = [Operator(f"op{index}", (index - 1,) if index else (), (index,), flops=1.0) for index in range(4)]
    backward = [Operator("dop", (0, 3), (4,), flops=1.0, backward=True)]
    graph = Graph("chain", (*cheap, *backward), tuple(Value(f"v{i}", 8) for i in range(5)), frozenset({4}))
    coarse = coarsen(graph)
    assert coarse.parts == ((0,), (1, 2, 3), (4,))
    assert [operator.name for operator in coarse.graph.operators] == ["op0", "op1+op2+op3", "dop"]
    assert all(a.outputs[0] in b.inputs for a, b in pairwise(coarse.graph.operators))
