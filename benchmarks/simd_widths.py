"""What wider registers really bring, and what a card calibrated at 256 bits says they bring.

Each loop is compiled by clang on its own with -mprefer-vector-width=128, 256 and 512 and timed; the card is measured
with `widest=256`, so that nothing of 512 bits went into it. Both speed-ups of each loop are printed with what the
pipeline says of the same programs; flat are those below 1.05.
"""

import tempfile
from pathlib import Path

import numpy as np

from hardware_models.simd.card import SimdCard
from hardware_models.simd.compiled import call_cycles, traces
from hardware_models.simd.measure import measure as measure_card
from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.harness import build, measure
from scenarios.neurovectorizer.image import arguments
from scenarios.neurovectorizer.own_loops import judging
from sim.card import write_card

SYMBOL = f"variant_{DEFAULT}"
WIDTHS = (128, 256, 512)


def main() -> None:
    rows, flat = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_card(measure_card({"widest": 256}, lambda *_: None), folder / "here.toml")
        here = SimdCard.model_validate(str(folder / "here.toml"))
        for kernel in judging():
            real, guess = [], []
            for width in WIDTHS:
                inside = folder / f"{kernel.name}-{width}"
                inside.mkdir()
                flags = (f"-mprefer-vector-width={width}", "-ffast-math")
                built = build(kernel, inside, extra=flags, actions=(DEFAULT,))
                real.append(measure(built, 9).seconds[DEFAULT])
                found = traces(built.program, [SYMBOL], arguments(kernel))
                guess.append(call_cycles(*found[SYMBOL], here))
            rows.append(([real[0] / real[1], real[1] / real[2]], [guess[0] / guess[1], guess[1] / guess[2]]))
            print(f"{kernel.name:14s} 128->256 measured {rows[-1][0][0]:.2f} predicted {rows[-1][1][0]:.2f}   "
                  f"256->512 measured {rows[-1][0][1]:.2f} predicted {rows[-1][1][1]:.2f}", flush=True)  # fmt: skip
    real_, said = np.array([r for r, _ in rows]), np.array([g for _, g in rows])
    off = np.abs(said / real_ - 1.0)
    flat = (real_ < 1.05).ravel()
    print(f"within 15 %: {(off <= 0.15).mean():.0%} of {off.size}; geometric means measured "
          f"{np.exp(np.log(real_).mean(axis=0)).round(2)} predicted {np.exp(np.log(said).mean(axis=0)).round(2)}; "
          f"flat {int(flat.sum())}, called flat {int((said.ravel()[flat] < 1.05).sum())}")  # fmt: skip


if __name__ == "__main__":
    main()
