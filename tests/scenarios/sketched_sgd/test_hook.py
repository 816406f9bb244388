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


def worker(rank, folder, bucket_mb, steps):
    import torch.distributed as dist
    from sklearn.datasets import load_digits
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    dist._DEFAULT_FIRST_BUCKET_BYTES = int(bucket_mb * 2**20)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.ReLU(), torch.nn.Linear(96, 10))
    model, state, seen = DistributedDataParallel(network, bucket_cap_mb=bucket_mb), SketchState(**SETTINGS), []

    def recorded(state, bucket):
        given = bucket.buffer().numpy().copy()
        done = sketch_hook(state, bucket)
        seen.append((bucket.index(), given, done.value().numpy().copy()))
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


@pytest.mark.slow
@pytest.mark.parametrize("bucket_mb", [25, 0.02], ids=["one bucket", "many buckets"])
def test_two_processes_train_and_agree_to_the_bit(tmp_path, bucket_mb):
    (weights, losses, sent, seen), (other, _, other_sent, other_seen) = run(tmp_path, bucket_mb, 150)
    assert torch.equal(weights, other)
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])
    assert sent == other_sent
    size = len(weights)
    assert sent < 0.5 * 150 * 4 * size
    # each bucket's answers are those of the same algorithm in one process, from the same gradients
    indices = {index for index, *_ in seen}
    assert (len(indices) > 1) == (bucket_mb < 1)
    for index in indices:
        mine, theirs = ([one for one in log if one[0] == index] for log in (seen, other_seen))
        replayed, state = None, SketchState(**SETTINGS)
        for (_, ours, answer), (_, peers, same) in zip(mine[1:], theirs[1:], strict=True):
            if replayed is None:
                one = state.bucket(index, len(ours))
                replayed = Sketched(Memory(2, len(ours), 0.5), one.family, one.k, one.candidates)
            assert np.array_equal(answer, same)
            np.testing.assert_allclose(answer, replayed.step(np.stack([ours, peers])).update, atol=1e-6)


def test_the_first_step_is_dense_and_bytes_are_counted(tmp_path):
    (_, _, sent, seen), _ = run(tmp_path, 25, 3)
    size = len(seen[0][1])
    one = SketchState(**SETTINGS).bucket(0, len(seen[-1][1]))
    assert np.count_nonzero(seen[0][2]) > 0.3 * size
    per_step = 4 * (one.family.rows * one.family.columns + one.candidates)
    assert sent == 4 * 7_210 + 2 * per_step  # 64 * 96 + 96 + 96 * 10 + 10 weights


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
