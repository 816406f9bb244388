"""The 15 operations by Pillow, one image at a time: what the batched ones are held against."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

HOLE = (125, 122, 113, 0)


def opened(planes, opaque):
    """A Pillow image with alpha from planes (colours, height, width)."""
    alpha = Image.fromarray(opaque)
    bands = [Image.fromarray(plane) for plane in planes]
    return Image.merge("RGBA" if len(bands) == 3 else "LA", [*bands, alpha])


def closed(image):
    """(planes, opaque) of a Pillow image."""
    planes = np.moveaxis(np.asarray(image), -1, 0)
    return planes[:-1], planes[-1]


def _toned(function):
    def made(image, level, sign, centre):
        flat, mode = image.convert("RGB" if image.mode == "RGBA" else "L"), image.mode
        return function(flat, level).convert(mode)

    return made


def _enhanced(enhancer):
    return lambda image, level, sign, centre: enhancer(image).enhance(float(level) * 1.8 / 10 + 0.1)


def _affine(steps):
    def made(image, level, sign, centre):
        return image.transform(image.size, Image.Transform.AFFINE, steps(level, sign, image.size))

    return made


def _cutout(image, level, sign, centre):
    (width, height), half = image.size, int(level * 20 * min(image.size) / 320) // 2
    if not half:
        return image
    row, column = centre
    box = (max(0, column - half), max(0, row - half), min(width, column + half), min(height, row + half))
    hole = Image.new("RGBA", (1, 1), HOLE).convert(image.mode).getpixel((0, 0))
    image = image.copy()
    image.paste(hole, box)
    return image


OPERATIONS = {
    "Rotate": lambda image, level, sign, centre: image.rotate(sign * int(level * 30 / 10)),
    "TranslateX": _affine(lambda level, sign, size: (1, 0, sign * int(level * 10 * size[0] / 320), 0, 1, 0)),
    "TranslateY": _affine(lambda level, sign, size: (1, 0, 0, 0, 1, sign * int(level * 10 * size[1] / 320))),
    "Brightness": _enhanced(ImageEnhance.Brightness),
    "Color": _enhanced(ImageEnhance.Color),
    "Invert": _toned(lambda image, level: ImageOps.invert(image)),
    "Sharpness": _enhanced(ImageEnhance.Sharpness),
    "Posterize": _toned(lambda image, level: ImageOps.posterize(image, 4 - int(level * 4 / 10))),
    "ShearX": _affine(lambda level, sign, size: (1, sign * (float(level) * 0.3 / 10), 0, 0, 1, 0)),
    "Solarize": _toned(lambda image, level: ImageOps.solarize(image, 256 - int(level * 256 / 10))),
    "ShearY": _affine(lambda level, sign, size: (1, 0, 0, sign * (float(level) * 0.3 / 10), 1, 0)),
    "Equalize": _toned(lambda image, level: ImageOps.equalize(image)),
    "AutoContrast": _toned(lambda image, level: ImageOps.autocontrast(image)),
    "Cutout": _cutout,
    "Contrast": _enhanced(ImageEnhance.Contrast),
}
