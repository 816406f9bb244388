"""The operations compiled: loops over planes of bytes that a processor's vector units can take.

All results are whole numbers, and equal to what Pillow's C code finds by the same arithmetic (its blending is in single
precision); `tests/scenarios/pba/test_operations.py` holds every pixel against Pillow.
"""

from typing import Any

import numpy as np
from numba import njit

#: Weights of red, green and blue in Pillow's grey, in 65536ths, and what rounds it.
_RED, _GREEN, _BLUE, _HALF = 19595, 38470, 7471, 0x8000
_ONE_THIRTEENTH = np.float32(1 / 13)
_ONE_HALF = np.float32(0.5)
_F = np.float32
Array = Any


@njit(cache=True, error_model="numpy")
def apply_all(
    images: Array,
    opaque: Array,
    operations: Array,
    levels: Array,
    turned: Array,
    centres: Array,
    moves: Array,
    factors: Array,
    limits: Array,
    cut: Array,
) -> None:
    """Each image through its slots in turn, in place; arrays as in `scenarios.pba.operations`, tables as made there."""
    planes, height, width = images.shape[1], images.shape[2], images.shape[3]
    spare = np.empty((planes, height * width), np.uint8)
    words, moved = np.zeros(height * width + 1, np.uint32), np.empty(height * width, np.uint32)
    table = np.empty(256, np.uint8)
    counts = np.empty((4, 256), np.int32)
    for at in range(len(images)):
        image, holes = images[at].reshape(planes, height * width), opaque[at].reshape(height * width)
        for slot in range(operations.shape[1]):
            operation, level = operations[at, slot], levels[at, slot]
            factor = factors[level]
            if operation < 0:
                continue
            if operation == 0:
                _move(image, holes, moves[0, level, turned[at, slot]], words, moved, height, width)
            elif operation == 1:
                _move(image, holes, moves[3, level, turned[at, slot]], words, moved, height, width)
            elif operation == 2:
                _move(image, holes, moves[4, level, turned[at, slot]], words, moved, height, width)
            elif operation == 3:
                _to_grey(image, np.int32(0), factor)
            elif operation == 4:
                _colour(image, factor)
            elif operation == 5:
                _invert(image, holes)
            elif operation == 6:
                _sharpen(image, factor, spare, height, width)
            elif operation == 7:
                _posterize(image, holes, limits[level, 0])
            elif operation == 8:
                _move(image, holes, moves[1, level, turned[at, slot]], words, moved, height, width)
            elif operation == 9:
                _solarize(image, holes, limits[level, 1])
            elif operation == 10:
                _move(image, holes, moves[2, level, turned[at, slot]], words, moved, height, width)
            elif operation == 11:
                _equalize(image, holes, counts, table)
            elif operation == 12:
                _stretch(image, holes, table)
            elif operation == 13:
                _cut(image, holes, limits[level, 2], centres[at, slot], cut, height, width)
            else:
                _to_grey(image, _mean_grey(image), factor)


@njit(cache=True, error_model="numpy")
def fill_all(images: Array, opaque: Array, colour: Array) -> None:
    """Where a pixel is a hole, each plane gets its `colour`."""
    size = images.shape[2] * images.shape[3]
    for at in range(len(images)):
        holes = opaque[at].reshape(size)
        for plane in range(images.shape[1]):
            target, value = images[at, plane].reshape(size), colour[plane]
            for pixel in range(size):
                target[pixel] = target[pixel] if holes[pixel] else value


@njit(cache=True, error_model="numpy", inline="always")
def _blend(first: Any, second: Any, factor: Any) -> Any:
    """Gives first + factor * (second - first) in single precision, cut off to a byte."""
    value = np.float32(first) + factor * np.float32(second - first)
    return np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@njit(cache=True, error_model="numpy")
def _move(image: Array, holes: Array, step: Array, words: Array, moved: Array, height: int, width: int) -> None:
    """The pixel at (x, y) is the one at (step[0] x + step[1] y + step[2], step[3] x + step[4] y + step[5]) / 65536.

    Planes and holes are packed into a word per pixel, so that a pixel is fetched once. What lies outside is word number
    height * width, which is 0.
    """
    size, planes = height * width, len(image)
    for pixel in range(size):
        words[pixel] = np.uint32(holes[pixel]) << np.uint32(24)
    for plane in range(planes):
        one, shift = image[plane], np.uint32(8 * plane)
        for pixel in range(size):
            words[pixel] |= np.uint32(one[pixel]) << shift
    outside, most = np.uint32(size), np.uint32(width)
    right, below = np.int32(step[0]), np.int32(step[3])
    for y in range(height):
        row = moved[y * width : (y + 1) * width]
        across, down = np.int32(step[2] + y * step[1]), np.int32(step[5] + y * step[4])
        for x in range(width):
            column, line = np.uint32(across >> np.int32(16)), np.uint32(down >> np.int32(16))  # left or above: huge
            inside = (column < most) & (line < np.uint32(height))
            row[x] = words[line * most + column if inside else outside]
            across += right
            down += below
    for plane in range(planes):
        one, shift = image[plane], np.uint32(8 * plane)
        for pixel in range(size):
            one[pixel] = np.uint8(moved[pixel] >> shift)
    for pixel in range(size):
        holes[pixel] = np.uint8(moved[pixel] >> np.uint32(24))


@njit(cache=True, error_model="numpy")
def _to_grey(image: Array, grey: Any, factor: float) -> None:
    """Blends with one grey: black for brightness, the mean for contrast."""
    for plane in image:
        for pixel in range(len(plane)):
            plane[pixel] = _blend(grey, np.int32(plane[pixel]), factor)


@njit(cache=True, error_model="numpy", inline="always")
def _grey(red: Any, green: Any, blue: Any) -> Any:
    return (np.int32(red) * _RED + np.int32(green) * _GREEN + np.int32(blue) * _BLUE + _HALF) >> 16


@njit(cache=True, error_model="numpy")
def _mean_grey(image: Array) -> Any:
    """The mean of the grey image, rounded."""
    total = np.int64(0)
    for pixel in range(image.shape[1]):
        total += _grey(image[0, pixel], image[1, pixel], image[2, pixel]) if len(image) == 3 else image[0, pixel]
    return np.int32(total / image.shape[1] + 0.5)


@njit(cache=True, error_model="numpy")
def _colour(image: Array, factor: float) -> None:
    """Blends every pixel with its own grey; a grey image stays."""
    if len(image) == 3:
        red, green, blue = image[0], image[1], image[2]
        for pixel in range(len(red)):
            grey = np.int32(_grey(red[pixel], green[pixel], blue[pixel]))
            red[pixel] = _blend(grey, np.int32(red[pixel]), factor)
            green[pixel] = _blend(grey, np.int32(green[pixel]), factor)
            blue[pixel] = _blend(grey, np.int32(blue[pixel]), factor)


@njit(cache=True, error_model="numpy")
def _sharpen(image: Array, factor: float, spare: Array, height: int, width: int) -> None:
    """Blends with the image smoothed by (1 1 1, 1 5 1, 1 1 1) / 13; the border stays."""
    inner = (height - 2) * width - 2
    if height < 3 or width < 3:
        return
    for plane in range(len(image)):
        before, after = spare[plane], image[plane]
        before[:] = after
        # one run over all rows, in nine views a step apart; what it makes of the left and right border is undone
        a, b, c = before[:inner], before[1 : inner + 1], before[2 : inner + 2]
        d, e, f = before[width : width + inner], before[width + 1 :][:inner], before[width + 2 :][:inner]
        g, h, i = before[2 * width :][:inner], before[2 * width + 1 :][:inner], before[2 * width + 2 :][:inner]
        made = after[width + 1 :][:inner]
        for at in range(inner):
            around = _F(a[at]) + _F(b[at]) + _F(c[at]) + _F(d[at]) + _F(f[at]) + _F(g[at]) + _F(h[at]) + _F(i[at])
            middle = _F(e[at])
            # a thirteenth is never half way between whole numbers, so single precision rounds right
            smooth = np.floor((around + _F(5) * middle) * _ONE_THIRTEENTH + _ONE_HALF)
            made[at] = np.uint8(min(max(smooth + factor * (middle - smooth), _F(0)), _F(255)))
        for y in range(1, height - 1):
            after[y * width] = before[y * width]
            after[(y + 1) * width - 1] = before[(y + 1) * width - 1]


@njit(cache=True, error_model="numpy")
def _invert(image: Array, holes: Array) -> None:
    for plane in image:
        for pixel in range(len(plane)):
            plane[pixel] = 255 - plane[pixel]
    holes[:] = 255


@njit(cache=True, error_model="numpy")
def _posterize(image: Array, holes: Array, mask: int) -> None:
    kept = np.uint8(mask)
    for plane in image:
        for pixel in range(len(plane)):
            plane[pixel] &= kept
    holes[:] = 255


@njit(cache=True, error_model="numpy")
def _solarize(image: Array, holes: Array, threshold: int) -> None:
    limit = np.int32(threshold)
    for plane in image:
        for pixel in range(len(plane)):
            value = np.int32(plane[pixel])
            plane[pixel] = np.uint8(value if value < limit else 255 - value)
    holes[:] = 255


@njit(cache=True, error_model="numpy")
def _look_up(plane: Array, table: Array) -> None:
    for pixel in range(len(plane)):
        plane[pixel] = table[plane[pixel]]


@njit(cache=True, error_model="numpy")
def _equalize(image: Array, holes: Array, counts: Array, table: Array) -> None:
    """Each plane so that its tones are spread evenly; one of few pixels or tones stays."""
    for plane in image:
        counts[:] = 0
        whole = len(plane) // 4 * 4
        for pixel in range(0, whole, 4):  # four histograms, so that equal neighbours need not wait for each other
            counts[0, plane[pixel]] += 1
            counts[1, plane[pixel + 1]] += 1
            counts[2, plane[pixel + 2]] += 1
            counts[3, plane[pixel + 3]] += 1
        for pixel in range(whole, len(plane)):
            counts[0, plane[pixel]] += 1
        last = 255
        for tone in range(256):
            counts[0, tone] += counts[1, tone] + counts[2, tone] + counts[3, tone]
        while counts[0, last] == 0:
            last -= 1
        step = (len(plane) - counts[0, last]) // 255
        if step:
            below, share = step // 2, 1.0 / step
            for tone in range(256):
                # the quotient in whole numbers; a half more keeps an exact one from falling short
                table[tone] = np.uint8(min(np.int32((below + 0.5) * share), np.int32(255)))
                below += counts[0, tone]
            _look_up(plane, table)
    holes[:] = 255


@njit(cache=True, error_model="numpy")
def _stretch(image: Array, holes: Array, table: Array) -> None:
    """Each plane so that its darkest tone is 0 and its brightest 255; one of a single tone stays."""
    for plane in image:
        low, high = np.int32(255), np.int32(0)
        for pixel in range(len(plane)):
            low, high = min(low, np.int32(plane[pixel])), max(high, np.int32(plane[pixel]))
        if high > low:
            scale = 255.0 / (high - low)
            offset = -low * scale
            for tone in range(256):
                table[tone] = np.uint8(min(max(tone * scale + offset, 0.0), 255.0))
            _look_up(plane, table)
    holes[:] = 255


@njit(cache=True, error_model="numpy")
def _cut(image: Array, holes: Array, side: int, centre: Array, colour: Array, height: int, width: int) -> None:
    """A square, as far as it lies in the image."""
    half = side // 2
    top, bottom = max(0, centre[0] - half), min(height, centre[0] + half)
    left, right = max(0, centre[1] - half), min(width, centre[1] + half)
    for y in range(top, bottom):
        for pixel in range(y * width + left, y * width + right):
            holes[pixel] = 0
            for plane in range(len(image)):
                image[plane, pixel] = colour[plane]
