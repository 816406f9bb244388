"""Sentences about records, on records that are made up here."""

from types import SimpleNamespace

from scenarios.sketched_sgd.answer import sentences
from scenarios.sketched_sgd.learned import sentences as learned
from scenarios.sketched_sgd.winning import sentences as winning


def cell(speedup, rate=25e9, overlap=True, workers=4, method="sketched", status="ok"):
    config = {
        "method": method, "workers": workers, "overlap": overlap, "coding": 1.0, "workload": "vgg16",
        "link": {"rate": rate}, "hardware": {"card": "v100"},
    }  # fmt: skip
    return SimpleNamespace(config=config, status=status, value={"speedup": speedup}.get)


def run(method, compression, accuracies, workload="digits"):
    return [
        SimpleNamespace(
            config={"method": method, "workload": workload},
            replicate=replicate,
            value={"accuracy": accuracy, "compression": compression}.get,
        )
        for replicate, accuracy in enumerate(accuracies)
    ]


def test_shares_count_what_wins_above_ten_gigabits_with_overlap():
    cells = [
        cell(1.2), cell(1.01, workers=64), cell(0.9, workers=64), cell(0.8),  # two of four win, one of them clearly
        cell(9.0, rate=10e9), cell(9.0, method="dense"), cell(9.0, status="failed"),  # and these do not count
        cell(1.5, overlap=False), cell(1.5, overlap=False),
    ]  # fmt: skip
    told = winning(cells)
    assert told[0].startswith("With overlap, compression shortens the step in 2 of 4 cells (50%) above 10 Gbit/s.")
    assert "6 of more than 200" in told[0]
    assert told[1:3] == ["In 1 of them by more than 5%.", "Without overlap: 2 of 2 cells (100%)."]
    assert told[3:] == ["By workers: 4 50%, 64 50%."]


def test_where_nothing_varies_nothing_is_said():
    assert sentences([]) == []
    assert winning([cell(2.0)]) == []
    assert learned(run("dense", 1.0, [0.9])) == []


def test_differences_are_paired_by_replicate():
    """Sketched is a point below dense in each of three replicates: no spread, whatever the seeds' own levels are."""
    records = [
        *run("dense", 1.0, [0.90, 0.95, 0.97]),
        *run("sketched", 7.98, [0.89, 0.94, 0.96]),
        *run("random_k", 7.83, [0.79, 0.84, 0.86]),
        *run("random_k", 8.3, [0.5, 0.6, 0.4]),  # fewer bytes than the sketch's: no fair peer
        *run("random_k", 7.0, [0.5, 0.6, 0.4]),  # far more
    ]
    told = learned(records)
    # Student's t at two degrees is 4.303, the deviation of the three is 3.606 points: 4.303 x 3.606 / sqrt(3)
    assert told[0] == "digits, 3 seeds: dense 94.0% +- 9.0% right."
    assert "sketched at 8x against dense: -1.0 points (-1.0 to -1.0)." in told
    assert told[-1] == "sketched at 8x against random_k at 7.8x: +10.0 points (+10.0 to +10.0)."
    assert sum("against random_k" in sentence for sentence in told) == 1
