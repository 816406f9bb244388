import numpy as np
import pytest

from scenarios.images.load import load
from scenarios.images.poses import Poses, drawn, upright
from sim.errors import UserError

SHIPPED = {
    "digits": ((1, 8, 8), (1097, 200, 500)),
    "posed_digits": ((1, 16, 16), (897, 400, 500)),
    "waves": ((3, 32, 32), (2000, 500, 1000)),
    "posed_waves": ((3, 32, 32), (2000, 500, 1000)),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shapes_ranges_and_labels(name):
    data = load(name, np.random.default_rng(0))
    parts = (data.train, data.validation, data.test)
    assert (data.shape, tuple(len(part) for part in parts)) == SHIPPED[name]
    for part in parts:
        assert part.pixels.dtype == np.float32
        assert 0 <= part.pixels.min() < 0.1
        assert 0.9 < part.pixels.max() <= 1
        assert set(part.labels.tolist()) == set(range(data.classes))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_parts_share_no_image_and_equal_seeds_give_equal_images(name):
    data, again = (load(name, np.random.default_rng(4)) for _ in range(2))
    kept = [image.tobytes() for part in (data.train, data.validation, data.test) for image in part.pixels]
    assert len(set(kept)) == len(kept)
    np.testing.assert_array_equal(data.test.pixels, again.test.pixels)
    assert not np.array_equal(data.test.pixels, load(name, np.random.default_rng(5)).test.pixels)


@pytest.mark.parametrize("name", ["posed_digits", "posed_waves"])
def test_only_what_is_held_out_moves(name):
    """The spread of the images' centres of brightness: none but the classes' own to train on, the shifts' elsewhere."""
    data = load(name, np.random.default_rng(0))

    def spread(images):
        light = images.pixels.mean(axis=1)
        places = np.arange(light.shape[1]) / light.shape[1]
        return float(((light.sum(axis=2) * places).sum(axis=1) / light.sum(axis=(1, 2))).std())

    assert spread(data.validation) > 1.8 * spread(data.train)
    assert spread(data.test) > 1.8 * spread(data.train)


def test_an_upright_image_comes_from_where_it_is():
    down, across = upright(1).sources(0, 4)
    np.testing.assert_allclose(down[:, 0], [-0.375, -0.125, 0.125, 0.375])
    np.testing.assert_allclose(across[0], [-0.375, -0.125, 0.125, 0.375])


def test_a_shift_is_taken_back_and_a_quarter_turn_swaps_the_axes():
    down, _ = Poses(np.zeros(1), np.array([[0.25, 0.0]])).sources(0, 4)
    np.testing.assert_allclose(down[1:, 0], upright(1).sources(0, 4)[0][:-1, 0])
    turned = Poses(np.array([np.pi / 2]), np.zeros((1, 2))).sources(0, 4)
    straight = upright(1).sources(0, 4)
    np.testing.assert_allclose(turned[0], -straight[1], atol=1e-12)
    np.testing.assert_allclose(turned[1], straight[0], atol=1e-12)


def test_drawn_poses_fill_their_range():
    poses = drawn(np.random.default_rng(0), 4000, degrees=25.0, sides=0.125)
    assert np.abs(poses.angle).max() == pytest.approx(np.radians(25), rel=0.01)
    assert np.abs(poses.shift).max() == pytest.approx(0.125, rel=0.01)
    assert abs(poses.angle.mean()) < 0.02


@pytest.mark.parametrize(
    ("name", "folder", "said"),
    [("cifar", "", "no data set.*cifar10"), ("svhn", "", "folder is empty"), ("svhn", "/nowhere", "train_32x32.mat")],
)
def test_what_cannot_be_loaded_is_said(name, folder, said):
    with pytest.raises(UserError, match=said):
        load(name, np.random.default_rng(0), folder)
