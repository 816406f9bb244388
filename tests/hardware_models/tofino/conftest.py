import pytest

from hardware_models.tofino.card import TofinoCard


@pytest.fixture
def one():
    return TofinoCard.model_validate("tofino1")


@pytest.fixture
def two():
    return TofinoCard.model_validate("tofino2")
