import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from scenarios.checkmate.graph_file import check, decode, encode
from scenarios.checkmate.user_graph import parse_graph, read_graph
from sim.errors import UserError


def small() -> Graph:
    return Graph(
        "small",
        (
            Operator("conv", (), (0,), flops=1e9, traffic=2e6),
            Operator("loss", (0,), (1,), flops=1.0),
            Operator("dconv", (1, 0), (2, 3), flops=2e9, kernels=2, workspace=64, backward=True, op_class="conv"),
        ),
        (Value("conv", 100), Value("loss", 4), Value("dx", 100, Kind.ACTIVATION_GRADIENT), Value("dw", 8)),
        frozenset({1, 3}),
        Fixed(8, 0, 50),
    )


def with_operator(index: int, **changes: Any) -> Graph:
    operators = list(small().operators)
    operators[index] = replace(operators[index], **changes)
    return replace(small(), operators=tuple(operators))


def with_value(index: int, **changes: Any) -> Graph:
    values = list(small().values)
    values[index] = replace(values[index], **changes)
    return replace(small(), values=tuple(values))


@given(st.floats(0, 1e30), st.integers(0, 2**50), st.text(max_size=20))
def test_a_graph_survives_being_written(flops: float, size: int, name: str) -> None:
    graph = replace(with_operator(0, flops=flops, workspace=size), name=name)
    assert decode(encode(graph)) == graph
    assert encode(decode(encode(graph))) == encode(graph)


BAD = {
    "no operators": (replace(small(), operators=(), values=(), results=frozenset()), "no operators"),
    "operator twice": (with_operator(1, name="conv"), "two operators are called 'conv'"),
    "value twice": (with_value(1, name="conv"), "two values are called 'conv'"),
    "read before made": (with_operator(0, inputs=(1,)), "operator 'conv' reads 'loss' before it is made"),
    "unknown value": (with_operator(2, inputs=(9,)), "operator 'dconv' reads value 9"),
    "made twice": (with_operator(2, outputs=(2, 3, 0)), "'conv' is made by both 'conv' and 'dconv'"),
    "never made": (with_operator(2, outputs=(3,)), "nothing makes value 'dx'"),
    "makes nothing": (with_operator(2, outputs=()), "operator 'dconv' makes nothing"),
    "makes unknown": (with_operator(2, outputs=(2, 3, 7)), "operator 'dconv' makes value 7"),
    "edge twice": (with_operator(2, inputs=(0, 0)), "operator 'dconv' reads the same value twice"),
    "negative flops": (with_operator(1, flops=-1.0), "operator 'loss' has flops -1"),
    "nan traffic": (with_operator(1, traffic=float("nan")), "operator 'loss' has traffic nan"),
    "no kernels": (with_operator(1, kernels=0), "operator 'loss' has 0 kernels"),
    "negative size": (with_value(0, bytes=-1), "value 'conv' has -1 bytes"),
    "fractional size": (with_value(0, bytes=1.5), "value 'conv' has 1.5 bytes; sizes are whole"),
    "absurd size": (with_value(0, bytes=2**62), "value 'conv' has"),
    "negative workspace": (with_operator(2, workspace=-1), "the workspace of operator 'dconv'"),
    "unknown result": (replace(small(), results=frozenset({8})), "result 8 is not a value"),
    "no backward": (with_operator(2, backward=False), "no backward operators"),
    "disconnected": (with_operator(2, inputs=()), "backward is disconnected"),
    "free": (
        replace(small(), operators=tuple(replace(each, flops=0.0, traffic=0.0) for each in small().operators)),
        "every operator costs nothing",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_graph_is_one_sentence_naming_the_place(case: str) -> None:
    graph, says = BAD[case]
    with pytest.raises(UserError) as caught:
        check(graph)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_good_graph_passes() -> None:
    check(small())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a windtunnel training graph"),
        (b'{"format": "windtunnel training graph", "version": 99}', "version 99"),
        (b'{"format": "windtunnel training graph", "version": 1}', "damaged"),
        (encode(small()).replace(b'"activation gradient"', b'"whatever"'), "damaged"),
        (encode(small()).replace(b'"flops":1.0', b'"flops":-1.0'), "operator 'loss' has flops -1.0"),
    ],
)
def test_a_bad_file_is_one_sentence(data: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        decode(data)


def user_file() -> dict[str, Any]:
    return {
        "name": "two layers",
        "parameters": "4MiB",
        "loss": "loss",
        "nodes": [
            {"name": "conv", "bytes": "8MiB", "cost": "2ms", "inputs": []},
            {"name": "loss", "bytes": 4, "cost": "10us", "inputs": ["conv"]},
            {"name": "dconv", "bytes": 8388608, "cost": 0.004, "inputs": ["loss", "conv"], "backward": True},
        ],
    }


def changed(node: int, **fields: Any) -> dict[str, Any]:
    file = user_file()
    file["nodes"][node] |= fields
    return file


def test_a_users_graph_is_read_with_its_units() -> None:
    read = parse_graph(user_file(), "file")
    assert read.graph.fixed.parameters == 4 * 2**20
    assert [value.bytes for value in read.graph.values] == [8 * 2**20, 4, 8388608]
    assert read.costs is not None
    assert read.costs.tolist() == pytest.approx([2e-3, 1e-5, 4e-3])
    assert (read.graph.results, read.reordered) == ({2}, False)
    assert parse_graph(user_file() | {"results": ["loss", "dconv"]}, "file").graph.results == {1, 2}


def test_nodes_in_any_order_are_sorted_and_it_says_so() -> None:
    file = user_file()
    file["nodes"].reverse()
    read = parse_graph(file, "file")
    assert [operator.name for operator in read.graph.operators] == ["conv", "loss", "dconv"]
    assert read.reordered


def test_flops_may_stand_instead_of_costs() -> None:
    file = user_file()
    for node in file["nodes"]:
        node["flops"] = 10
        del node["cost"]
    read = parse_graph(file, "file")
    assert read.costs is None
    assert [operator.flops for operator in read.graph.operators] == [10.0, 10.0, 10.0]


BAD_FILES: dict[str, tuple[object, str]] = {
    "no object": ([], "the file: input should be"),
    "no nodes": (user_file() | {"nodes": []}, "nodes: list should have at least 1 item"),
    "no loss": ({key: value for key, value in user_file().items() if key != "loss"}, "loss: field required"),
    "unknown loss": (user_file() | {"loss": "lost"}, "loss 'lost' is no node; did you mean loss"),
    "backward loss": (changed(1, backward=True), "loss 'loss' is a backward node"),
    "cycle": (changed(0, inputs=["dconv"]), "cycle: "),
    "self": (changed(0, inputs=["conv"]), "cycle: conv -> conv"),
    "unknown edge": (changed(1, inputs=["convv"]), "node 'loss' reads 'convv', which is no node; did you mean conv"),
    "duplicate": (changed(1, name="conv"), "two nodes are called 'conv'"),
    "edge twice": (changed(2, inputs=["loss", "loss"]), "node 'dconv' reads 'loss' twice"),
    "negative cost": (changed(0, cost=-1.0), "node 'conv', cost: input should be greater than or equal to 0"),
    "nan cost": (changed(0, cost=float("nan")), "node 'conv', cost: input should be a finite number"),
    "both": (changed(0, flops=1.0), "node 'conv' has both a cost and flops"),
    "neither": (changed(0, cost=None), "node 'conv' has no cost"),
    "mixed": (changed(1, cost=None, flops=1.0), "differ in giving cost or flops"),
    "negative size": (changed(0, bytes=-4), "node 'conv', bytes: input should be greater than or equal to 0"),
    "half a byte": (changed(0, bytes=0.5), "node 'conv', bytes: 0.5 is not a whole number"),
    "ambiguous size": (changed(0, bytes="8M"), "node 'conv', bytes: '8M'"),
    "typo": (changed(0, byte=4), "did you mean bytes"),
    "nameless": (changed(0, name=""), "node number 1, name"),
    "not a node": (user_file() | {"nodes": [3]}, "node number 1"),
    "no backward": (changed(2, backward=False), "no backward nodes"),
    "disconnected": (changed(2, inputs=["conv"]), "backward node 'dconv' is disconnected"),
    "unknown result": (user_file() | {"results": ["dw"]}, "result 'dw' is no node"),
    "free": (
        user_file() | {"nodes": [node | {"cost": 0.0} for node in user_file()["nodes"]]},
        "every node costs nothing",
    ),
    "unmarked": (
        user_file() | {"nodes": [*user_file()["nodes"], {"name": "x", "bytes": 1, "cost": 1.0, "inputs": ["loss"]}]},
        "node 'x' follows the loss 'loss' but is not marked",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_users_file_is_one_sentence_naming_the_node(case: str) -> None:
    file, says = BAD_FILES[case]
    with pytest.raises(UserError) as caught:
        parse_graph(file, "graph file x.json")
    assert says in str(caught.value)
    assert str(caught.value).startswith("graph file x.json: ")
    assert "\n" not in str(caught.value)


def test_both_formats_are_read_from_disk(tmp_path: Path) -> None:
    (tmp_path / "user.json").write_text(json.dumps(user_file()))
    (tmp_path / "ours.json").write_bytes(encode(small()))
    (tmp_path / "broken.json").write_text("{")
    assert read_graph(tmp_path / "user.json").graph.name == "two layers"
    assert read_graph(tmp_path / "ours.json").graph == small()
    for name, says in (("broken.json", "is not JSON"), ("absent.json", "cannot be read: No such file")):
        with pytest.raises(UserError, match=says):
            read_graph(tmp_path / name)
