"""Readers of the user's copies, on small files that are laid out as the published ones."""

import io
import pickle
import struct

import numpy as np
import pytest
from scipy.io import savemat

from scenarios.images.cifar import unpickled
from scenarios.images.load import load
from sim.errors import UserError


class _AsPython2(pickle._Pickler):
    """Text and bytes alike as Python 2's `str`, arrays under NumPy's old names: what the published files hold."""

    def _string(self, value):
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)

    def save_global(self, value, name=None):
        module = value.__module__.replace("numpy._core", "numpy.core")
        self.write(pickle.GLOBAL + f"{module}\n{value.__name__}\n".encode())

    dispatch = {**pickle._Pickler.dispatch, str: _string, bytes: _string}  # noqa: RUF012 (the base class's own way)


def as_python2(value):
    out = io.BytesIO()
    _AsPython2(out, protocol=2).dump(value)
    return out.getvalue()


def batch(first, labels, key=b"labels", write=as_python2):
    rows = np.arange(first, first + len(labels), dtype=np.uint8)[:, None] + np.zeros((1, 3072), np.uint8)
    rows[:, 1024] = 255  # the first pixel's green
    return write({b"batch_label": b"some batch", key: labels, b"data": rows, b"filenames": [b"a.png"] * len(labels)})


@pytest.fixture
def cifar10(tmp_path):
    inside = tmp_path / "cifar-10-batches-py"
    inside.mkdir()
    for number in range(1, 6):
        (inside / f"data_batch_{number}").write_bytes(batch(20 * number, [number % 10, 9] * 2))
    (inside / "test_batch").write_bytes(batch(200, [0, 1, 2]))
    return tmp_path


def test_cifar10_is_read_as_published(cifar10):
    data = load("cifar10", np.random.default_rng(0), str(cifar10))
    assert (data.shape, data.classes) == ((3, 32, 32), 10)
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 3)
    np.testing.assert_allclose(data.test.pixels[:, 0, 0, 0], np.array([200, 201, 202]) / 255)
    np.testing.assert_array_equal(data.test.pixels[:, 1, 0, 0], 1.0)
    assert data.test.labels.tolist() == [0, 1, 2]
    seen = np.concatenate([data.train.pixels, data.validation.pixels])[:, 0, 0, 0] * 255
    assert sorted(np.rint(seen)) == [20 * number + place for number in range(1, 6) for place in range(4)]
    for part in (data.train, data.validation):  # labels went with their images
        first = np.rint(part.pixels[:, 0, 0, 0] * 255).astype(int)
        assert part.labels.tolist() == [9 if place % 2 else place // 20 for place in first]


def test_the_folder_itself_may_be_named_and_the_record_tells_copies_apart(cifar10):
    inside = cifar10 / "cifar-10-batches-py"
    one = load("cifar10", np.random.default_rng(0), str(inside)).source
    assert one == load("cifar10", np.random.default_rng(1), str(cifar10)).source
    (inside / "test_batch").write_bytes(batch(200, [0, 1, 3]))
    other = load("cifar10", np.random.default_rng(0), str(inside)).source
    assert one.startswith("the user's CIFAR-10, digest ")
    assert other != one


def test_cifar100_takes_fine_labels_and_python_3s_pickles(tmp_path):
    for name, labels in (("train", list(range(20))), ("test", [99])):
        (tmp_path / name).write_bytes(batch(0, labels, b"fine_labels", lambda value: pickle.dumps(value, 4)))
    data = load("cifar100", np.random.default_rng(0), str(tmp_path))
    assert data.classes == 100
    assert data.test.labels.tolist() == [99]


class _Calls:
    def __init__(self, function, *arguments):
        self._made = function, arguments

    def __reduce__(self):
        return self._made


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (_Calls(print, "called"), "print"),
        (_Calls(np.load, "file"), "load"),
        (_Calls(__import__, "os"), "__import__"),
    ],
)
def test_a_pickle_that_calls_something_is_refused_uncalled(tmp_path, capsys, value, named):
    (tmp_path / "train").write_bytes(pickle.dumps({b"data": value}))
    with pytest.raises(UserError, match=rf"asks for .*{named}; only plain arrays"):
        unpickled(tmp_path / "train")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\x80\x04 not a pickle", "cannot be read"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({b"data": np.zeros((2, 10), np.uint8), b"fine_labels": [1, 2]}), "no file of CIFAR-100"),
        (pickle.dumps({b"fine_labels": [1]}), "no file of CIFAR-100"),
        (batch(0, [1, 100], b"fine_labels"), "labels from 0 to 99"),
    ],
)
def test_damaged_files_are_said_in_one_sentence(tmp_path, content, said):
    (tmp_path / "train").write_bytes(content)
    (tmp_path / "test").write_bytes(batch(0, [1], b"fine_labels"))
    with pytest.raises(UserError, match=said):
        load("cifar100", np.random.default_rng(0), str(tmp_path))


def test_svhn_is_read_as_published(tmp_path):
    pixels = np.zeros((32, 32, 3, 20), np.uint8)
    pixels[2, 5, 1] = np.arange(20)  # row 2, column 5, green
    labels = np.arange(1, 21).reshape(-1, 1) % 10
    labels[labels == 0] = 10  # 0 is written as 10
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": pixels, "y": labels.astype(np.uint8)})
    data = load("svhn", np.random.default_rng(0), str(tmp_path))
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 20)
    np.testing.assert_allclose(data.test.pixels[:, 1, 2, 5] * 255, np.arange(20), atol=1e-4)
    assert data.test.labels.tolist() == [place % 10 for place in range(1, 21)]


@pytest.mark.parametrize("content", [{"y": np.ones((3, 1))}, {"X": np.zeros((8, 8, 3, 3)), "y": np.ones((3, 1))}])
def test_other_mat_files_are_refused(tmp_path, content):
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", content)
    with pytest.raises(UserError, match=r"train_32x32\.mat"):
        load("svhn", np.random.default_rng(0), str(tmp_path))
