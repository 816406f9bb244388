"""Networks: what an output may depend on, that conditionals are distributions, and that training is repeatable."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.naru.column import Column
from scenarios.naru.conditionals import UNKNOWN
from scenarios.naru.encoding import ColumnEncoding
from scenarios.naru.learned import Learned
from scenarios.naru.made import Made, Shape
from scenarios.naru.progressive import estimate
from scenarios.naru.table import Table
from scenarios.naru.training import Plan, bits, train
from sim.errors import UserError

DOMAINS = (3, 40, 2, 5)


def _network(shape: Shape, order: tuple[int, ...] = (2, 0, 3, 1), seed: int = 0) -> Made:
    torch.manual_seed(seed)
    network = Made(DOMAINS, order, shape, np.random.default_rng(seed))
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0.0, 0.5)
    return network


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(range(4)),
    st.builds(
        Shape,
        width=st.integers(1, 12),
        layers=st.integers(1, 5),
        residual=st.booleans(),
        direct=st.booleans(),
        encoding=st.sampled_from(["binary", "one_hot", "embed"]),
        embedding=st.just(4),
    ),
    st.integers(0, 99),
)
def test_an_output_is_a_function_of_the_columns_before_it_only(order: list[int], shape: Shape, seed: int) -> None:
    network, random = _network(shape, tuple(order), seed), np.random.default_rng(seed)
    codes = torch.tensor([[int(random.integers(domain)) for domain in DOMAINS]])
    with torch.no_grad():
        before = network(codes)
        for position, place in enumerate(order):
            changed = codes.clone()
            changed[0, place] = (changed[0, place] + 1) % DOMAINS[place]
            after = network(changed)
            for other in order[: position + 1]:
                assert torch.equal(before[other], after[other])


@pytest.mark.parametrize("hidden", [True, False])
def test_an_output_depends_on_every_column_before_it(hidden: bool) -> None:
    """Through hidden units alone, and through the direct layer alone."""
    network = _network(Shape(width=24, layers=3, direct=not hidden))
    if not hidden:
        torch.nn.init.zeros_(network.output.weight)
    codes = torch.zeros((1, 4), dtype=torch.long)
    with torch.no_grad():
        before = network(codes)
        for position, place in enumerate(network.order):
            changed = codes.clone()
            changed[0, place] = 1
            after = network(changed)
            for other in network.order[position + 1 :]:
                assert not torch.equal(before[other], after[other])


@pytest.mark.parametrize("encoding", ["binary", "one_hot", "embed"])
def test_probabilities_of_all_rows_sum_to_one(encoding: str) -> None:
    network = _network(Shape(width=16, encoding=encoding, embedding=4))
    model = Learned(network)
    rows = np.array(list(product(*map(range, DOMAINS))), dtype=np.int64)
    total = np.ones(len(rows))
    for position, place in enumerate(network.order):
        prefixes = rows.copy()
        prefixes[:, list(network.order[position:])] = UNKNOWN
        total *= model.probabilities(place, prefixes)[np.arange(len(rows)), rows[:, place]]
    assert total.sum() == pytest.approx(1.0)
    asked = {0: np.arange(3) > 0, 1: np.arange(40) < 20, 2: np.arange(2) == 1, 3: np.arange(5) < 4}
    inside = np.all([asked[place][rows[:, place]] for place in range(4)], axis=0)
    found = estimate(model, asked, 1000, np.random.default_rng(0))
    assert found.exact
    assert found.selectivity == pytest.approx(total[inside].sum())


def test_one_column_is_answered_as_all_are() -> None:
    for shape in (Shape(width=16), Shape(width=16, residual=False, encoding="embed", embedding=4)):
        network = _network(shape)
        codes = torch.tensor([[1, 30, 0, 4], [UNKNOWN, 2, 1, UNKNOWN]])
        with torch.no_grad():
            every = network(codes)
        for place in range(4):
            ours = Learned(network).probabilities(place, codes.numpy())
            assert ours == pytest.approx(torch.softmax(every[place].double(), dim=1).numpy(), rel=1e-5)


def test_a_network_is_frozen_when_it_is_taken() -> None:
    network = _network(Shape(width=16, encoding="embed", embedding=4))
    model, codes = Learned(network), np.array([[1, 30, 0, 4]])
    before = model.probabilities(1, codes)
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(1.0)
    assert np.array_equal(model.probabilities(1, codes), before)


def test_codes_have_encodings_of_their_own() -> None:
    for encoding in ("binary", "one_hot", "embed"):
        rows = ColumnEncoding(9, encoding, 4).rows
        assert len(torch.unique(rows, dim=0)) == 10


def _dependent(rows: int) -> Table:
    random = np.random.default_rng(4)
    first = random.integers(0, 6, rows)
    second = (first + (random.random(rows) < 0.2)) % 6
    third = np.where(random.random(rows) < 0.9, (first + second) % 4, 3)
    columns = tuple(Column(name, np.arange(domain)) for name, domain in (("a", 6), ("b", 6), ("c", 4)))
    return Table("dependent", columns, np.asfortranarray(np.stack([first, second, third], axis=1).astype(np.int32)))


def _fresh() -> Made:
    torch.manual_seed(1)
    return Made((6, 6, 4), (0, 1, 2), Shape(width=32, layers=3), np.random.default_rng(1))


def test_training_closes_the_gap_to_the_entropy() -> None:
    table, network = _dependent(3000), _fresh()
    untrained = bits(network, table)
    losses = train(network, table.codes, Plan(8, batch=100, rate=3e-3, wildcards=False))
    assert losses[-1] < losses[0]
    assert untrained > table.entropy + 2
    assert table.entropy < bits(network, table) < table.entropy + 0.1


def test_training_that_is_resumed_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    table, whole, half, rest = _dependent(500), _fresh(), _fresh(), _fresh()
    once = train(whole, table.codes, Plan(4, batch=100, warm_up=10))
    train(half, table.codes, Plan(2, batch=100, warm_up=10), tmp_path / "state")
    again = train(rest, table.codes, Plan(4, batch=100, warm_up=10), tmp_path / "state")
    assert again == once
    for one, other in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    table = _dependent(200)
    train(_fresh(), table.codes, Plan(1, batch=100), tmp_path / "state")
    other = Made((6, 6, 4), (2, 1, 0), Shape(width=32, layers=3), np.random.default_rng(1))
    with pytest.raises(UserError, match="another network or table"):
        train(other, table.codes, Plan(2), tmp_path / "state")
    with pytest.raises(UserError, match="no rows"):
        train(_fresh(), table.codes[:0], Plan(1))


def test_wildcards_are_marginals_after_training() -> None:
    """P(c | a unknown, b) of a network trained with wildcards is near what the rows say."""
    table, network = _dependent(3000), _fresh()
    train(network, table.codes, Plan(12, batch=100, rate=3e-3))
    found = Learned(network).probabilities(2, np.array([[UNKNOWN, 2, UNKNOWN]]))[0]
    rows = table.codes[table.codes[:, 1] == 2, 2]
    assert found == pytest.approx(np.bincount(rows, minlength=4) / len(rows), abs=0.06)
