"""Parties as real processes over TCP: the same result, bytes and steps; what goes wrong ends the run with a reason."""

import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from coopetition import LINK, keys, parties, rows, streams, terms

from scenarios.helen import integer_model
from scenarios.helen.admm import summary_of, train
from scenarios.helen.agreement import Agreement
from scenarios.helen.party import Aborted, Entered, Finished
from scenarios.helen.processes import Processes, Ran
from scenarios.helen.protocol import Protocol
from scenarios.helen.schedule import schedule
from scenarios.helen.session import protocols, summaries
from scenarios.helen.simulated import run


def _protocols(agreed: Agreement) -> list[Protocol]:
    return protocols(agreed, rows(agreed), keys(agreed.parties, agreed.key_bits), streams())


def _honest(agreed: Agreement, folder: Path, limit: float = 120.0) -> Ran:
    with Processes(_protocols(agreed), folder, patience=60.0, limit=limit) as processes:
        processes.start()
        return processes.wait()


def test_processes_come_to_what_the_simulated_parties_come_to(tmp_path: Path) -> None:
    agreed = terms(3, iterations=2)
    ran = _honest(agreed, tmp_path)
    assert ran.codes == {"party0": 0, "party1": 0, "party2": 0}
    assert ran.ends == run(parties(agreed), LINK).ends
    said = [(event.step, event.size) for _, who, event in ran.notes if who == "party1" and isinstance(event, Entered)]
    assert said == [tuple(one) for one in schedule(agreed)]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "key_bits"), [(3, 1024), (4, 1024), (2, 2048)])
def test_a_run_of_the_size_of_the_paper(tmp_path: Path, count: int, key_bits: int) -> None:
    agreed = terms(count, features=10, iterations=10, key_bits=key_bits, rows=(200,) * count)
    ran = _honest(agreed, tmp_path, limit=400.0)
    data, rho = rows(agreed), agreed.rho
    model = integer_model.run(agreed, summaries(agreed, data))
    plain = train([summary_of(X, y, agreed.total_rows, rho) for X, y in data], agreed.objective, rho, 10)
    for end in ran.ends.values():
        assert isinstance(end, Finished)
        assert np.abs(integer_model.weights(end.z) - plain).max() <= 1e-6 * np.abs(plain).max()
        assert max(abs(a - b) for a, b in zip(end.z, model, strict=True)) <= 4 * agreed.iterations
    assert len(ran.ends) == count


def test_a_killed_party_ends_the_run(tmp_path: Path) -> None:
    with Processes(_protocols(terms(3, iterations=200)), tmp_path, patience=10.0, limit=60.0) as processes:
        processes.start()
        time.sleep(1.5)
        processes.kill("party1")
        ran = processes.wait()
    assert set(ran.ends) == {"party0", "party2"}
    for end in ran.ends.values():
        assert isinstance(end, Aborted)
        assert end.culprit == 1, end


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (struct.pack(">I", 1 << 31), "longer than"),
        (struct.pack(">I", 5) + b"hello", "5 bytes that are no message"),
        (struct.pack(">I", 300) + b"T" * 100, "the connection of party 1 ended"),
        (struct.pack(">I", 200) + b"T" * 200, "another session"),
    ],
)
def test_garbage_ends_the_run(tmp_path: Path, sent: bytes, said: str) -> None:
    with Processes(_protocols(terms(2)), tmp_path, patience=30.0, limit=60.0) as processes:
        with socket.create_connection(processes.directory["party0"]) as opened:
            opened.sendall(struct.pack(">I", 6) + b"party1" + sent)
        processes.start()
        ran = processes.wait()
    end = ran.ends["party0"]
    assert isinstance(end, Aborted)
    assert end.culprit == (-1 if "session" in said else 1)
    assert said in end.detail
    assert all(isinstance(one, Aborted) for one in ran.ends.values())
