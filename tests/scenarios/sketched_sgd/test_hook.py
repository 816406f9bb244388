"""The hook in two real processes that talk through gloo."""

import multiprocessing

import numpy as np
import pytest
import torch

from scenarios.sketched_sgd.hook import SketchState, sketch_hook
from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.sketched import Sketched
from sim.errors import UserError

SETTINGS = {"keep": 0.02, "candidates": 3, "rows": 5, "table": 0.3, "momentum": 0.5, "seed": 3}
STEPS = 100


def worker(rank, folder, bucket_mb, steps):
    import torch.distributed as dist
    from sklearn.datasets import load_digits
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(64, 96), torch.nn.ReLU(), torch.nn.Linear(96, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )
    model, state, seen = DistributedDataParallel(network, bucket_cap_mb=bucket_mb), SketchState(**SETTINGS), []

    def recorded(state, bucket):
        given, step = bucket.buffer().numpy().copy(), state.steps
        done = sketch_hook(state, bucket)
        seen.append((step, bucket.index(), given, done.value().numpy().copy()))
        return done

    model.register_comm_hook(state, recorded)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    digits = load_digits()
    pixels = torch.tensor(digits.images[rank::2].reshape(-1, 64) / 16.0, dtype=torch.float32)
    labels, losses = torch.tensor(digits.target[rank::2]), []
    for step in range(steps):
        part = slice(32 * step % 800, 32 * step % 800 + 32)
        loss = torch.nn.functional.cross_entropy(model(pixels[part]), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weights = torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
    torch.save((weights, losses, state.sent, seen), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def run(folder, bucket_mb, steps):
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=worker, args=(rank, str(folder), bucket_mb, steps)) for rank in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(120)
        if one.is_alive():
            one.kill()
    assert [one.exitcode for one in both] == [0, 0]
    return [torch.load(f"{folder}/{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.fixture(scope="module", params=[25, 0.002], ids=["one bucket", "a bucket per layer"])
def trained(request, tmp_path_factory):
    """What both processes saw. DDP closes a bucket once it is full: 2 kB are less than any of the three layers."""
    return (1 if request.param == 25 else 3, *run(tmp_path_factory.mktemp("ddp"), request.param, STEPS))


@pytest.mark.slow
def test_two_processes_train_and_agree_to_the_bit(trained):
    _, (weights, losses, *_), (other, *_) = trained
    assert torch.equal(weights, other)
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])


@pytest.mark.slow
def test_each_buckets_answers_are_those_of_the_algorithm_in_one_process(trained):
    buckets, (*_, seen), (*_, other_seen) = trained
    after_first = [one for one in seen if one[0] > 0]
    assert {index for _, index, *_ in after_first} == set(range(buckets))
    for index in range(buckets):
        mine, theirs = ([one[2:] for one in log if one[0] > 0 and one[1] == index] for log in (seen, other_seen))
        assert len(mine) == STEPS - 1
        one = SketchState(**SETTINGS).bucket(index, len(mine[0][0]))
        replayed = Sketched(Memory(2, len(mine[0][0]), 0.5), one.family, one.k, one.candidates)
        for (ours, answer), (peers, same) in zip(mine, theirs, strict=True):
            assert np.array_equal(answer, same)
            np.testing.assert_allclose(answer, replayed.step(np.stack([ours, peers])).update, atol=1e-6)


@pytest.mark.slow
def test_the_first_step_is_dense_and_bytes_are_counted(trained):
    buckets, (_, _, sent, seen), (*_, other_sent, other_seen) = trained
    (_, _, gradient, answer), (_, _, peers, _) = seen[0], other_seen[0]
    np.testing.assert_allclose(answer, (gradient + peers) / 2, atol=1e-7)
    state, size = SketchState(**SETTINGS), len(gradient)
    assert size == 64 * 96 + 96 + 96 * 64 + 64 + 64 * 10 + 10
    made = [state.bucket(index, len(given)) for _, index, given, _ in seen[1 : 1 + buckets]]
    per_step = sum(4 * (one.family.rows * one.family.columns + one.candidates) for one in made)
    assert sent == other_sent == 4 * size + (STEPS - 1) * per_step


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"keep": 0.0}, "keep is 0"),
        ({"table": 1.5}, "table is 1.5"),
        ({"rows": 2}, "rows is 2"),
        ({"candidates": 0}, "0"),
    ],
)
def test_impossible_settings_are_refused(setting, said):
    with pytest.raises(UserError, match=said):
        SketchState(**setting)
