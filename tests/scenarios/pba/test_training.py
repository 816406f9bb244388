"""Training for real, and a learned schedule in somebody's own data loader."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from scenarios.images.load import load
from scenarios.pba.augmenting import Basics
from scenarios.pba.choosing import by_policy
from scenarios.pba.config import METHODS
from scenarios.pba.controls import of_schedule, rand, rand_grid
from scenarios.pba.network import Network
from scenarios.pba.policy import Policy
from scenarios.pba.schedule import Schedule, Segment, Update
from scenarios.pba.schedule_log import write
from scenarios.pba.training import Recipe, Trainer, TrialLearner, as_bytes
from scenarios.pba.transform import Augmentation
from sim.errors import UserError

ONLY_INVERT = Policy((0,) * 10 + (10, 0) + (0,) * 48)
ALWAYS = (0.0, 1.0)


def nothing(number, random):
    return by_policy(Policy.nothing(), number, (8, 8), random)


@pytest.fixture(scope="module")
def data():
    return load("digits", np.random.default_rng(0))


def trainer(data, epochs=6, **given):
    return Trainer(data, Network(data.shape, data.classes, seed=1, width=8), Recipe(**given), epochs, 400)


def test_digits_are_learned_and_states_are_never_changed(data):
    made, random = trainer(data), np.random.default_rng(2)
    first = made.begin()
    state, kept = first, []
    for epoch in range(6):
        state = made.epoch(state, epoch, nothing, random)
        kept.append((state, state.weights.clone(), state.momentum.clone()))
    assert made.tested(first) < 0.3
    assert made.tested(state) > 0.8
    assert all((s.weights == weights).all() and (s.momentum == momentum).all() for s, weights, momentum in kept)
    assert made.sizes == (400, 200)


def test_an_epoch_is_what_torchs_own_optimiser_does(data):
    """SGD with Nesterov momentum and weight decay, clipped, under a cosine: the same weights to rounding."""
    made = trainer(data, batch=100, rate=0.1, decay=1e-3)
    state = made.begin()
    for epoch in range(2):
        state = made.epoch(state, epoch, nothing, np.random.default_rng(3))
    layers = Network(data.shape, data.classes, seed=1, width=8)._layers
    optimiser = torch.optim.SGD(layers.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    images = torch.from_numpy((made.images - made.mean[0]).astype(np.float32) / np.float32(made.deviation[0]))
    for epoch in range(2):
        random = np.random.default_rng(3)
        nothing(400, random)
        order = torch.from_numpy(random.permutation(400))
        for step in range(4):
            batch = order[step * 100 : (step + 1) * 100]
            optimiser.param_groups[0]["lr"] = 0.1 * (1 + np.cos(np.pi * (epoch + step / 4) / 6)) / 2
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(layers(images[batch]), made.labels[batch]).backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), 5.0)
            optimiser.step()
    theirs = torch.cat([parameter.detach().reshape(-1) for parameter in layers.parameters()])
    assert float((state.weights - theirs).norm() / theirs.norm()) < 1e-5


def test_a_network_counts_its_weights_and_its_multiply_adds():
    """8 x 8 grey: 9 * 4 * 64 + 9 * 4 * 8 * 16 multiply-adds, then 8 * 4 inputs to 64, then 64 to 10."""
    size = Network((1, 8, 8), 10, seed=0, width=4).size
    assert size.macs == 9 * 4 * 64 + 9 * 4 * 8 * 16 + 32 * 64 + 640
    assert size.parameters == (9 * 4 + 4) + (9 * 4 * 8 + 8) + (32 * 64 + 64) + (640 + 10)


def test_a_learner_trains_under_the_policy_it_is_told(data):
    """Inverted digits only, and digits that are inverted are not recognised by who has seen none."""
    made = trainer(data, epochs=4)
    learner = TrialLearner(made, lambda trial: np.random.default_rng(trial), ALWAYS)
    state, score = learner.train(learner.begin(0), 0, ONLY_INVERT, 0, 4)
    upright, other = learner.train(learner.begin(0), 0, Policy.nothing(), 0, 4)
    assert other - score > 0.2
    assert other == made.validated(upright)
    again = learner.train(learner.begin(0), 0, ONLY_INVERT, 0, 4)
    assert (again[0].weights == state.weights).all()


def test_too_many_images_are_refused(data):
    with pytest.raises(UserError, match="train_images is 5000; there are 1097"):
        Trainer(data, Network(data.shape, 10, 0), Recipe(), 1, 5000)
    with pytest.raises(UserError, match="batch is 64; it is at most the 50"):
        Trainer(data, Network(data.shape, 10, 0), Recipe(batch=64), 1, 50)


def test_methods_do_what_their_names_say():
    a, b = Policy((10, 1) * 30), Policy((10, 2) * 30)
    schedule = Schedule((Segment(3, a), Segment(2, b)))
    methods = of_schedule(schedule, (0.0, 0.0, 1.0), np.random.default_rng(1))
    assert {*methods, "rand_augment"} == set(METHODS)

    def levels(name, epoch):
        chosen = methods[name](epoch, 50, (8, 8), np.random.default_rng(epoch))
        return set(chosen.levels[chosen.operations >= 0].tolist())

    assert [levels("pba", epoch) for epoch in range(7)] == [{1}, {1}, {1}, {2}, {2}, {2}, {2}]
    assert [levels("fixed_last", epoch) for epoch in range(5)] == [{2}] * 5
    assert [levels("none", epoch) for epoch in range(5)] == [set()] * 5
    shuffled = [levels("shuffled", epoch) for epoch in range(5)]
    assert shuffled != [levels("pba", epoch) for epoch in range(5)]
    assert sorted(shuffled, key=min) == [{1}, {1}, {1}, {2}, {2}]
    assert len(levels("random", 0)) > 5
    assert methods["trivial_augment"](0, 9, (8, 8), np.random.default_rng(0)).operations.shape == (9, 1)
    assert (rand(2, 7)(0, 9, (8, 8), np.random.default_rng(0)).levels == 7).all()
    pairs = list(rand_grid(8))
    assert len(set(pairs)) == 8
    assert len(set(rand_grid(100))) == 30
    assert {level for _, level in pairs} == {9, 4, 6}


class Digits(Dataset):
    """Somebody's own images, as bytes (1, 8, 8); the first pixel of each tells which it is."""

    def __init__(self, data, transform):
        self.images = torch.from_numpy(as_bytes(data.train.pixels[:64]))
        self.images[:, 0, 0, 0] = torch.arange(64, dtype=torch.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, place):
        return self.transform(self.images[place]), place


@pytest.mark.parametrize("workers", [0, 2])
def test_a_schedule_in_a_data_loader_follows_the_epoch(data, workers):
    """Two epochs of nothing, then one in which every image is inverted; workers that live on see the epoch."""
    schedule = Schedule((Segment(2, Policy.nothing()), Segment(1, ONLY_INVERT)))
    augment = Augmentation(schedule, mean=(0,), counts=ALWAYS)
    dataset = Digits(data, augment)
    loader = DataLoader(dataset, batch_size=16, num_workers=workers, persistent_workers=workers > 0)
    for epoch in range(3):
        augment.epoch = epoch
        for images, places in loader:
            before = dataset.images[places]
            assert images.dtype == torch.uint8
            assert (images == (255 - before if epoch == 2 else before)).all()


def test_a_schedule_from_a_log_on_batches_of_floats(tmp_path, data):
    """6 epochs of search, copied after 3; stretched to 12, the first half does nothing."""
    write(tmp_path / "log.txt", [Update("1", "0", 3, 3, Policy.nothing(), ONLY_INVERT)])
    augment = Augmentation.from_log(tmp_path / "log.txt", search_epochs=6, epochs=12, mean=(0,))
    images = torch.from_numpy(as_bytes(data.train.pixels[:500])).float() / 255
    augment.epoch = 5
    assert (augment(images) == images).all()
    augment.epoch = 6
    torch.manual_seed(1)
    made = augment(images)
    inverted = torch.isclose(made, 1 - images, atol=1e-6).flatten(1).all(dim=1)
    assert 350 < int(inverted.sum()) < 450  # 8 of 10: with probability 0.2 an image is let alone
    assert (made[~inverted] == images[~inverted]).all()
    torch.manual_seed(1)
    assert (augment(images) == made).all()
    assert not (augment(images) == made).all()
    assert augment(images[0]).shape == images[0].shape


def test_basics_are_done_in_a_loader_too():
    augment = Augmentation(Schedule.always(Policy.nothing(), 1), (7, 8, 9), Basics(padding=4))
    images = torch.full((200, 3, 32, 32), 100, dtype=torch.uint8)
    made = augment(images)
    assert set(made[:, 1].unique().tolist()) == {8, 100}


def test_images_that_do_not_fit_are_refused():
    augment = Augmentation(Schedule.always(Policy.nothing(), 1), (0, 0, 0))
    with pytest.raises(UserError, match=r"shape \(1, 8, 8\); \(\[number,\] 3, height, width\)"):
        augment(torch.zeros(1, 8, 8))
    with pytest.raises(UserError, match="int64"):
        augment(torch.zeros(3, 8, 8, dtype=torch.int64))
    with pytest.raises(UserError, match="epoch is -1"):
        augment.epoch = -1
    with pytest.raises(UserError, match="sum to 1"):
        Augmentation(Schedule.always(Policy.nothing(), 1), (0,), counts=(0.5,))


def test_the_example_on_the_page_runs():
    page = Path(__file__).parents[3] / "docs/scenarios/pba.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    names = {}
    exec(example, names)
    assert names["augment"].epoch == 89
    assert names["images"].shape == (8, 3, 32, 32)
