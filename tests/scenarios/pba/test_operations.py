"""Every operation, level and side against Pillow: not one pixel may differ."""

import numpy as np
import pytest
from pillow_operations import OPERATIONS as PILLOW
from pillow_operations import opened

from scenarios.pba.augmenting import Basics, augment
from scenarios.pba.operations import FLATTENING, LEVELS, MOVES, OPERATIONS, Chosen, apply, fill, whole
from sim.errors import UserError


def images(number, colours=3, height=32, width=32, seed=0):
    """Noise, smooth ramps, posters of few tones and flat colours, a quarter each."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 256, (number, colours, height, width))
    ramps = rng.integers(0, 256, (number, colours, 1, 1)) + np.cumsum(rng.integers(-5, 9, made.shape), axis=3)
    made[1::4] = np.clip(ramps[1::4], 0, 255)
    made[2::4] = made[2::4] // 86 * 80 + rng.integers(0, 40, (len(made[2::4]), colours, 1, 1))
    made[3::4] = rng.integers(0, 256, (len(made[3::4]), colours, 1, 1))
    return made.astype(np.uint8)


def holed(base, seed=1):
    return np.where(np.random.default_rng(seed).random((len(base), *base.shape[2:])) < 0.1, 0, 255).astype(np.uint8)


def differing(base, opaque, name, centre):
    """Bytes that differ from Pillow's, over all levels and sides of an operation; alpha counts too."""
    pictures, wrong = [opened(*pair) for pair in zip(base, opaque, strict=True)], 0
    for level in (0, 9) if name in ("Invert", "Equalize", "AutoContrast") else range(LEVELS):  # no level to them
        for turned in (False, True) if name in MOVES else (False,):
            ours, holes = base.copy(), opaque.copy()
            apply(ours, holes, Chosen.alike(len(base), name, level, turned, centre))
            theirs = [PILLOW[name](picture, level, -1 if turned else 1, centre).tobytes() for picture in pictures]
            together = np.moveaxis(np.concatenate([ours, holes[:, None]], axis=1), 1, -1)
            wrong += int((np.frombuffer(b"".join(theirs), np.uint8) != together.ravel()).sum())
    return wrong


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_thousand_colour_images_are_pillows(name):
    base = images(1000)
    assert differing(base, whole(base), name, (11, 27)) == 0


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("colours", "height", "width"), [(1, 32, 32), (3, 17, 23), (1, 8, 8), (3, 3, 2)])
def test_grey_images_other_sizes_and_holes_are_pillows(name, colours, height, width):
    base = images(40, colours, height, width)
    assert differing(base, holed(base), name, (0, width - 1)) == 0


def test_images_differ_in_what_is_chosen_and_slots_follow_each_other():
    base, rng = images(300, seed=3), np.random.default_rng(4)
    size = (300, 3)
    chosen = Chosen(
        rng.integers(-1, len(OPERATIONS), size, np.int8),
        rng.integers(0, LEVELS, size, np.int8),
        rng.integers(0, 2, size, np.uint8),
        rng.integers(0, 32, (*size, 2), np.int16),
    )
    ours, opaque = base.copy(), whole(base)
    apply(ours, opaque, chosen)
    for at in range(300):
        picture = opened(base[at], np.full((32, 32), 255, np.uint8))
        for slot in range(3):
            if chosen.operations[at, slot] >= 0:
                name = OPERATIONS[chosen.operations[at, slot]]
                sign, centre = 1 - 2 * int(chosen.turned[at, slot]), chosen.centres[at, slot].tolist()
                picture = PILLOW[name](picture, int(chosen.levels[at, slot]), sign, centre)
        assert picture.tobytes() == np.concatenate([ours[at], opaque[at][None]]).transpose(1, 2, 0).tobytes(), at


def test_operations_are_what_their_names_say():
    """Worked out: at the highest level a shift moves by 9 pixels, a rotation turns by 27 degrees, a cutout takes 18."""
    dot = np.zeros((1, 1, 32, 32), np.uint8)
    dot[0, 0, 16, 20] = 255
    moved = dot.copy()
    apply(moved, whole(dot), Chosen.alike(1, "TranslateX", 9))
    assert np.argwhere(moved[0, 0]).tolist() == [[16, 11]]
    moved, opaque = dot.copy(), whole(dot)
    apply(moved, opaque, Chosen.alike(1, "TranslateY", 9, turned=True))
    assert np.argwhere(moved[0, 0]).tolist() == [[25, 20]]
    assert (opaque[0] == 0).sum() == 9 * 32
    apply(dot, opaque, Chosen.alike(1, "Cutout", 9, centre=(16, 16)))
    assert (dot[0, 0] == 122).sum() == 18 * 18
    assert (opaque[0, 7:25, 7:25] == 0).all()


def test_what_works_on_tones_leaves_no_holes_and_what_moves_does():
    base = images(8)
    for name in OPERATIONS:
        opaque = holed(base)
        before = (opaque == 0).sum()
        apply(base.copy(), opaque, Chosen.alike(8, name, 5, centre=(16, 16)))
        after = (opaque == 0).sum()
        assert after == 0 if name in FLATTENING else after > before if name in (*MOVES, "Cutout") else after == before


def test_holes_get_the_mean_colour_and_nothing_else_does():
    base = images(4)
    made = augment(base, Chosen.alike(4, "TranslateX", 9), (10.4, 20.6, 30.0))
    assert (made[:, :, :, 23:] == np.array([10, 21, 30])[:, None, None]).all()
    assert (made[:, :, :, :23] == base[:, :, :, 9:]).all()
    flat = base.copy()
    fill(flat, whole(base), (1, 2, 3))
    assert (flat == base).all()


def test_basics_crop_flip_and_cut():
    """A padded crop shifts by -4 to 3; offsets of 4 are never drawn, as in the authors' code."""
    base = np.broadcast_to(np.arange(1, 33, dtype=np.uint8), (4000, 1, 32, 32)).copy()
    nothing = Chosen.alike(4000, "Color", 5)
    made = augment(base, nothing, (0,), Basics(padding=4), np.random.default_rng(0))
    seen = {int(row[16]) - 17 for row in made[:, 0, 16]}
    assert seen == set(range(-4, 4))
    made = augment(base, nothing, (0,), Basics(flip=True), np.random.default_rng(0))
    turned = made[:, 0, 0, 0] == 32
    assert 1850 < turned.sum() < 2150
    assert (made[turned] == base[turned][..., ::-1]).all()
    made = augment(base, nothing, (0,), Basics(cutout=16), np.random.default_rng(0))
    assert (made == 0).sum(axis=(1, 2, 3)).max() == 256
    assert (made == 0).sum(axis=(1, 2, 3)).min() == 64


def test_images_of_another_kind_are_refused():
    with pytest.raises(UserError, match="float64"):
        apply(np.zeros((1, 3, 8, 8)), np.zeros((1, 8, 8), np.uint8), Chosen.alike(1, "Invert", 0))
    with pytest.raises(UserError, match="2 images, but 1 choices"):
        apply(images(2), whole(images(2)), Chosen.alike(1, "Invert", 0))
    with pytest.raises(UserError, match="no operation is called 'Inverse'"):
        Chosen.alike(1, "Inverse", 0)
    with pytest.raises(UserError, match="level is 10"):
        Chosen.alike(1, "Invert", 10)
