"""Small-scale fading: complex gains of mean power 1 with Doppler, slot by slot.

Clarke's model: scatterers all around, so the autocorrelation over a lag of n slots is J0(2 pi f_D T n) and the Doppler
spectrum is 1 / (pi sqrt(f_D^2 - f^2)). Three ways to it, one interface. `draw(generator)` makes the state of one link,
`gains(state, chunk)` its gains in a chunk of time, shape (taps, slots); slots are cut into chunks of `chunk` slots
whoever asks, so results depend on neither the batch of links nor the blocks that are read.

`IfftDoppler` is the default: Gaussian amplitudes on a grid of Doppler shifts, each with the share of the spectrum that
its bin holds, summed by an inverse DFT (Young, Beaulieu: "The generation of correlated Rayleigh random variates by
inverse discrete Fourier transform", IEEE Trans. Comm. 48(7), 2000). Bluestein's chirp evaluates any stretch of it.
The grid is 1/N apart, so gains repeat after N slots, N >= 64 / f_D T and N >= slots + 16 / f_D T up to 2**17.

`SumOfSinusoids` adds 64 of them with random angles and phases (Xiao, Zheng, Beaulieu: "Novel sum-of-sinusoids
simulation models for Rayleigh and Rician fading channels", IEEE Trans. Wireless Comm. 5(12), 2006).

`Ar1Fast` has J0 right at a lag of one slot and falls off exponentially after it, where J0 oscillates: wrong for any
study of feedback delay. It holds the whole run in memory.
"""

from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.fft import fft, ifft, next_fast_len
from scipy.signal import lfilter
from scipy.special import j0

Complex = NDArray[np.complex128]

#: Slots per chunk, unless the Doppler grid has more points than that.
_CHUNK = 4096
#: Doppler shifts on the grid from 0 to f_D, at least; and the longest period that more slots ask for.
_FADES, _LONGEST = 64, 2**17
_SINUSOIDS = 64


class Fading(Protocol):
    """Gains of one link, made from its own generator; see the module."""

    chunk: int

    def draw(self, generator: np.random.Generator) -> Complex:
        """The state of one link."""
        ...

    def gains(self, state: Complex, chunk: int) -> Complex:
        """Gains in the slots of a chunk, shape (taps, chunk); the last chunk may run past the end of the run."""
        ...


def _normal(generator: np.random.Generator, *shape: int) -> Complex:
    """Circular complex Gaussian of mean power 1."""
    parts = generator.standard_normal((*shape, 2))
    return np.asarray((parts[..., 0] + 1j * parts[..., 1]) * np.sqrt(0.5), dtype=np.complex128)


class Steady:
    """No fading: gains of 1."""

    def __init__(self, slots: int, taps: int) -> None:
        self.chunk, self._taps = max(1, min(slots, _CHUNK)), taps

    def draw(self, generator: np.random.Generator) -> Complex:
        """Nothing is drawn."""
        return np.empty(0, dtype=np.complex128)

    def gains(self, state: Complex, chunk: int) -> Complex:
        """Ones."""
        return np.ones((self._taps, self.chunk), dtype=np.complex128)


class IfftDoppler:
    """Gaussian amplitudes on a grid of Doppler shifts; `doppler` is f_D T, 0 to 0.5."""

    def __init__(self, doppler: float, slots: int, taps: int) -> None:
        period = _period(doppler, slots)
        top = int(doppler * period)
        points = 2 * top + 1
        self.chunk = max(1, min(slots, max(_CHUNK, points)))
        self._taps, self._period, self._top = taps, period, top
        self._amplitude = np.sqrt(doppler_shares(doppler * period, top))
        self._length = next_fast_len(points + self.chunk - 1)
        index = np.arange(max(points, self.chunk))
        chirp = self._turn(index**2, 2 * period)
        self._before, self._after = chirp[:points], chirp[: self.chunk] * self._turn(-top * index[: self.chunk], period)
        kernel = np.zeros(self._length, dtype=np.complex128)
        kernel[: self.chunk] = chirp[: self.chunk].conj()
        kernel[self._length - points + 1 :] = chirp[1:points][::-1].conj()
        self._kernel = fft(kernel)

    @staticmethod
    def _turn(steps: NDArray[np.int64], whole: int) -> Complex:
        """exp(2 pi i steps / whole), the angle reduced in integers."""
        return np.asarray(np.exp(2j * np.pi * ((steps % whole) / whole)), dtype=np.complex128)

    def draw(self, generator: np.random.Generator) -> Complex:
        """Amplitudes, shape (taps, points)."""
        return _normal(generator, self._taps, len(self._amplitude)) * self._amplitude

    def gains(self, state: Complex, chunk: int) -> Complex:
        """The inverse DFT of the amplitudes at the slots of the chunk."""
        shifts = np.arange(-self._top, self._top + 1)
        start = self._turn(shifts * (chunk * self.chunk % self._period), self._period) * self._before
        out = np.empty((self._taps, self.chunk), dtype=np.complex128)
        for tap in range(self._taps):
            spectrum = fft(state[tap] * start, self._length) * self._kernel
            out[tap] = ifft(spectrum)[: self.chunk] * self._after
        return out


def _period(doppler: float, slots: int) -> int:
    if doppler == 0.0:
        return 1
    return max(int(np.ceil(_FADES / doppler)), min(slots + int(np.ceil(16.0 / doppler)), _LONGEST))


def doppler_shares(edge: float, top: int) -> NDArray[np.float64]:
    """Share of Clarke's spectrum in bins of width 1 around shifts -top..top, when it ends at +-`edge`; sums to 1.

    >>> doppler_shares(0.0, 0).tolist(), round(float(doppler_shares(2.5, 2).sum()), 12)
    ([1.0], 1.0)
    """
    if edge == 0.0:
        return np.ones(1)
    borders = np.arange(-top, top + 2) - 0.5
    borders[0], borders[-1] = -edge, edge
    return np.asarray(np.diff(np.arcsin(np.clip(borders / edge, -1.0, 1.0))) / np.pi, dtype=np.float64)


class SumOfSinusoids:
    """64 sinusoids of equal power per tap, with random angles of arrival and phases; `doppler` is f_D T."""

    def __init__(self, doppler: float, slots: int, taps: int) -> None:
        self.chunk, self._taps, self._doppler = max(1, min(slots, _CHUNK)), taps, doppler

    def draw(self, generator: np.random.Generator) -> Complex:
        """Turns per slot (real part) and phase in turns (imaginary part) of each sinusoid, shape (taps, 64)."""
        uniform = generator.random((2, self._taps, _SINUSOIDS))
        angle = 2.0 * np.pi * (np.arange(_SINUSOIDS) + uniform[0]) / _SINUSOIDS
        return np.asarray(self._doppler * np.cos(angle) + 1j * uniform[1], dtype=np.complex128)

    def gains(self, state: Complex, chunk: int) -> Complex:
        """The sum at the slots of the chunk."""
        turns = (state.real * (chunk * self.chunk) + state.imag) % 1.0
        start = np.exp(2j * np.pi * turns) / np.sqrt(_SINUSOIDS)
        out = np.empty((self._taps, self.chunk), dtype=np.complex128)
        _rotate(start, np.exp(2j * np.pi * state.real), out)
        return out


@njit(cache=True, nogil=True)
def _rotate(phasors: Complex, step: Complex, out: Complex) -> None:
    taps, slots = out.shape
    for tap in range(taps):
        for slot in range(slots):
            total = 0.0j
            for m in range(phasors.shape[1]):
                total += phasors[tap, m]
                phasors[tap, m] *= step[tap, m]
            out[tap, slot] = total


class Ar1Fast:
    """First-order autoregression with the right correlation over one slot only; `doppler` is f_D T."""

    def __init__(self, doppler: float, slots: int, taps: int) -> None:
        self.chunk, self._taps, self._slots = max(1, min(slots, _CHUNK)), taps, max(1, slots)
        self._correlation = float(j0(2.0 * np.pi * doppler))

    def draw(self, generator: np.random.Generator) -> Complex:
        """The gains of the whole run, shape (taps, slots)."""
        chunks = -(-self._slots // self.chunk)
        noise = _normal(generator, self._taps, chunks * self.chunk)
        noise[:, 1:] *= np.sqrt(1.0 - self._correlation**2)
        return np.asarray(lfilter([1.0], [1.0, -self._correlation], noise, axis=1), dtype=np.complex128)

    def gains(self, state: Complex, chunk: int) -> Complex:
        """A slice of the run."""
        return state[:, chunk * self.chunk : (chunk + 1) * self.chunk]
