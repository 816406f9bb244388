"""What there is to learn, by name: samples to train on, samples to judge by, and the network that learns them."""

from typing import Literal, NamedTuple

import numpy as np

from scenarios.images.load import load
from scenarios.sketched_sgd.model import Model, bag_of_words, convolutional
from scenarios.sketched_sgd.training import Samples
from scenarios.sketched_sgd.words import CLASSES, LENGTH, VOCABULARY, texts

#: Settings are chosen by "validation", figures are reported on "test".
Part = Literal["test", "validation"]


class Task(NamedTuple):
    """`source` says where the samples come from."""

    train: Samples
    judge: Samples
    model: Model
    source: str


def task(name: str, random: np.random.Generator, seed: int, folder: str = "", part: Part = "test") -> Task:
    """The task called `name`: "words", or a data set of `scenarios.images`. `seed` is of the first weights.

    Raises `UserError` as `scenarios.images.load` does.
    """
    if name == "words":
        train, validation, test = texts(random)
        judge = validation if part == "validation" else test
        return Task(train, judge, bag_of_words(VOCABULARY, LENGTH, CLASSES, seed), "texts (generated)")
    data = load(name, random, folder)
    network = convolutional(data.shape, data.classes, seed)
    return Task(data.train, data.validation if part == "validation" else data.test, network, data.source)
