"""Every card loads and is sourced; every figure can be bent; what makes no sense is refused in one sentence."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from hardware_models.wireless.card import SPEED_OF_LIGHT, WirelessCard
from hardware_models.wireless.path_loss import mean_snr_db, noise_dbm, path_loss_db
from sim.config import flatten, known_keys
from sim.conformance import check_card
from sim.errors import UserError
from sim.job import dump

Make = Callable[..., WirelessCard]
FILES = sorted(Path(str(resources.files("hardware_models.wireless.cards"))).glob("*.toml"))


def test_the_cards_that_are_promised_are_there() -> None:
    assert {path.stem for path in FILES} == {"lte-6prb", "nr-n78", "nr-n78-256qam", "nr-n78-urllc"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_card_is_complete_and_sourced(path: Path, card: Make) -> None:
    check_card(WirelessCard, path)
    made = card(name=path.stem)
    assert set(flatten(dump(made))) <= set(known_keys(WirelessCard))
    assert len(made.table) >= 27
    assert made.table.symbols == made.symbols


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("mean_snr=5dB", lambda card: card.mean_snr == 5.0),
        ("mean_snr=-3.5dB", lambda card: card.mean_snr == -3.5),
        ("doppler=0.1", lambda card: card.normalised_doppler == 0.1),
        ("doppler=0", lambda card: card.normalised_doppler == 0.0),
        ("geometry.tx_power=23dBm", lambda card: card.geometry.tx_power == 23.0),
        ("geometry.distance=2km", lambda card: card.geometry.distance == 2000.0),
        ("speed=36km/h", lambda card: card.speed == pytest.approx(10.0)),
        ("slot=500us", lambda card: card.slot == 0.0005),
        ("cqi.delay=16", lambda card: card.cqi.delay == 16),
        ("cqi.loss=5%", lambda card: card.cqi.loss == 0.05),
        ("harq.combining=ir", lambda card: card.harq.combining == "ir"),
        ("decoder.gap=1dB", lambda card: card.decoder.gap == 1.0),
    ],
)
def test_figures_can_be_bent(setting: str, read: Callable[[WirelessCard], bool], card: Make) -> None:
    assert read(card(setting))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("mean_snr=15", "mean_snr: '15': a quantity of level needs a unit, e.g. 15dB"),
        ("mean_snr=infdB", "mean_snr: 'infdB' is not a quantity of level"),
        ("mean_snr=sunny", "mean_snr: 'sunny' is not a quantity of level"),
        ("doppler=0.6", "doppler: 0.6 cycles per slot is outside 0 to 0.5"),
        ("doppler=-0.1", "doppler: -0.1 cycles per slot is outside 0 to 0.5"),
        ("mcs=lte-7prb", "mcs: no table of rates is called 'lte-7prb'; did you mean lte-6prb"),
        ("mcs=mine.toml", "no table of rates is called 'mine.toml'"),
        ("symbols=0", "symbols"),
        ("cqi.loss=1.5", "cqi.loss"),
        ("cqi.target=0", "cqi.target"),
        ("cqi.target=1", "cqi.target"),
        ("cqi.levels=1", "cqi.levels"),
        ("cqi.delay=-1", "cqi.delay"),
        ("cqi.period=0", "cqi.period"),
        ("cqi.error=-1dB", "cqi.error"),
        ("ack.loss=-0.1", "ack.loss"),
        ("harq.attempts=0", "harq.attempts"),
        ("harq.combining=chse", "harq.combining = 'chse' is not allowed; did you mean chase"),
        ("fading.method=ar1", "fading.method = 'ar1' is not allowed; did you mean ar1_fast"),
        ("decoder.profile=turbo", "decoder.profile = 'turbo' is not allowed"),
        ("decoder.gap=-1dB", "decoder.gap"),
        ("shadowing.sigma=-1dB", "shadowing.sigma"),
        ("delay.profile=tdl-d", "delay.profile = 'tdl-d' needs fading.law = 'rice', not 'rayleigh'"),
        ("geometry.distance=0m", "geometry.distance"),
        ("wind=3", "no setting is called 'wind'"),
    ],
)
def test_bad_figures_are_one_sentence(setting: str, said: str, card: Make) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(").split(";")[0]) as raised:
        card(setting).table  # noqa: B018
    assert "\n" not in str(raised.value)


def test_doppler_follows_from_speed(card: Make) -> None:
    made = card("doppler=speed", "speed=15m/s", "carrier=3.5GHz", "slot=500us")
    assert made.normalised_doppler == pytest.approx(15 * 3.5e9 / SPEED_OF_LIGHT * 5e-4)
    assert made.metres_per_slot == pytest.approx(15 * 5e-4)
    with pytest.raises(UserError, match=r"speed of 300 m/s at 2e\+09 Hz fades 2 times per slot"):
        card("doppler=speed", "speed=300m/s")


def test_mean_snr_follows_from_geometry(card: Make) -> None:
    made = card("mean_snr=geometry", "geometry.path_loss=lte_macro", "geometry.distance=1km")
    assert noise_dbm(made) == pytest.approx(-174 + 60.334238 + 9)
    assert mean_snr_db(made) == pytest.approx(30 - 128.1 - noise_dbm(made))
    assert path_loss_db(card("geometry.path_loss=log_distance", "geometry.distance=1km")) == pytest.approx(128.1)


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("free_space", 98.462),  # 32.45 + 20 log10(2000 MHz) + 20 log10(1 km)
        ("uma_los", 28.0 + 66.0 + 6.0206),
        ("uma_nlos", 13.54 + 117.24 + 6.0206),
        ("umi_los", 32.4 + 63.0 + 6.0206),
        ("umi_nlos", 22.4 + 105.9 + 6.41194),
    ],
)
def test_path_losses_at_one_kilometre_and_two_gigahertz(model: str, loss: float, card: Make) -> None:
    made = card(f"geometry.path_loss={model}", "geometry.distance=1km")
    assert path_loss_db(made) == pytest.approx(loss, abs=0.01)


@pytest.mark.parametrize("model", ["uma", "umi"])
def test_without_line_of_sight_it_is_never_better(model: str, card: Make) -> None:
    near = [card(f"geometry.path_loss={model}_{sight}", "geometry.distance=10m") for sight in ("los", "nlos")]
    assert path_loss_db(near[1]) >= path_loss_db(near[0])
