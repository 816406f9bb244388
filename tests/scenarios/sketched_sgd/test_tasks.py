import numpy as np
import pytest

from scenarios.sketched_sgd.model import bag_of_words
from scenarios.sketched_sgd.tasks import task
from scenarios.sketched_sgd.words import CLASSES, LENGTH, VOCABULARY, Texts, texts
from sim.errors import UserError


def test_words_are_zipfs_and_each_class_has_its_own():
    train, validation, test = texts(np.random.default_rng(0))
    assert [len(part) for part in (train, validation, test)] == [2000, 500, 1000]
    assert train.inputs.shape == (2000, LENGTH)
    harmonic = (1 / np.arange(1, VOCABULARY + 1)).sum()
    # the commonest word: 65 % of the words follow the common order, in which its share is 1 / harmonic
    assert (train.inputs == 0).mean() == pytest.approx(0.65 / harmonic, rel=0.05)
    favourites = set()
    for label in range(CLASSES):
        inside, outside = train.inputs[train.labels == label], train.inputs[train.labels != label]
        counts = np.bincount(inside.ravel(), minlength=VOCABULARY) / inside.size
        excess = counts - np.bincount(outside.ravel(), minlength=VOCABULARY) / outside.size
        assert excess.max() == pytest.approx(0.35 / harmonic, rel=0.25)
        favourites.add(int(excess.argmax()))
    assert len(favourites) == CLASSES


def test_words_that_do_not_occur_have_no_gradient():
    model = bag_of_words(50, 3, 2, seed=0, width=4)
    few = Texts(np.array([[1, 2, 2], [7, 1, 9]]), np.array([0, 1]))
    rows = model.gradient(model.initial(), few)[: 50 * 4].reshape(50, 4)
    assert np.flatnonzero(np.abs(rows).sum(axis=1)).tolist() == [1, 2, 7, 9]
    # three embeddings of four numbers summed, four numbers for each of two classes
    assert model.flop == pytest.approx(2 * (3 * 4 + 4 * 2))


def test_settings_are_chosen_by_other_samples_than_reported_on():
    for name in ("digits", "words"):
        chosen, reported = (task(name, np.random.default_rng(0), 1, part=part) for part in ("validation", "test"))
        assert np.array_equal(chosen.train.labels, reported.train.labels)
        assert not np.array_equal(chosen.judge.labels[:100], reported.judge.labels[:100])
        assert np.array_equal(chosen.model.initial(), reported.model.initial())


def test_a_missing_copy_is_said():
    with pytest.raises(UserError, match="folder is empty"):
        task("cifar10", np.random.default_rng(0), 1)
