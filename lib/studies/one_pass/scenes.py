"""Scenes whose defocus is known, to train on.

A scene is a stack of layers, each a surface at a slanted depth with an outline, blurred by one lens and laid over the
farther ones by its blurred opacity. What the surfaces show are photos in focus, or nothing: some are plain, since a
flat thing's blur shows at its outline and a network has to learn that. Outlines are drawn, or follow the edges of
things in a photo. The lens (`kernels`) works on light, where highlights keep their strength, in two scenes of three.
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np
import scipy.fft

from lib import images, optics, paths, photos, storage
from lib.studies.one_pass import kernels

SIZE = 256
"""Side of a scene, pixels."""
MARGIN = 48
"""Rendered around it and cut off, so that blur brings in what lies beyond the border, pixels."""
TILE = SIZE + 2 * MARGIN
GREATEST_SIGMA = 20.0
"""Pixels."""
HELD_OUT = 10
"""Every tenth photo of a set watches over the training."""
PLAIN = 0.25
"""Share of the surfaces that are plain, but for those that fill an evenly blurred scene: nothing tells there."""
EVEN = 0.25
"""Share of the scenes that are one surface, blurred evenly."""
LIGHT = 0.65
"""Share of the scenes whose lens works on light; in the others, as in the paper, on stored values."""
THINGS = 1.0
"""Scales how often an outline is that of a thing in a photo."""
STORED_SIGMA = 3000
"""Of a scene's fourth channel to a pixel of sigma."""
_SCALES = {"urban100": (0.4, 1.0), "div2k_valid_crops": (0.7, 1.4), "bsds500_jpeg": (0.65, 1.0), "bsd100": (0.65, 1.0)}
_SHARES = {"urban100": 0.35, "div2k_valid_crops": 0.2, "bsds500_jpeg": 0.25, "bsd100": 0.2}
_Y, _X = np.mgrid[-1 : 1 : TILE * 1j, -1 : 1 : TILE * 1j].astype(np.float32)


class Scene(NamedTuple):
    """A rendered picture and its true defocus map."""

    image: np.ndarray
    """(SIZE, SIZE, 3) float32 in [0, 1]."""
    sigma: np.ndarray
    """(SIZE, SIZE) float32, pixels."""


# Photos


@functools.cache
def _test_photos():
    """The photos that the classifiers of `local` are tested on: no network here has seen them, so all can be."""
    return frozenset((paths.DATA / "held_out.txt").read_text().split())


def names(split):
    """The photos of a split by name, as in the registry.

    Parameters
    ----------
    split : {"train", "dev", "test"}
        ``test`` are those that the classifiers of `local` are tested on, ``dev`` every tenth of the others.

    Returns
    -------
    list of str
    """
    if split not in ("train", "dev", "test"):
        msg = f"Unknown split {split!r}; choose train, dev or test."
        raise ValueError(msg)
    found = {"train": [], "dev": [], "test": []}
    for set_name in photos.TRAINING_SETS:
        for number, path in enumerate(photos.files(set_name)):
            name = f"{set_name}/{path.name}"
            found["test" if name in _test_photos() else "train" if number % HELD_OUT else "dev"].append(name)
    return found[split]


def load(split):
    """The photos of a split by set.

    Parameters
    ----------
    split : {"train", "dev", "test"}

    Returns
    -------
    dict of str to list of (H, W, 3) uint8 ndarray
    """
    pictures = {}
    for name in names(split):
        levels = images.to_uint8(images.read(photos.file(name)))
        pictures.setdefault(name.split("/")[0], []).append(levels if levels.ndim == 3 else np.dstack([levels] * 3))
    return pictures


# Surfaces


def _cut(pictures, rng):
    """A cut of a random photo in focus, (TILE, TILE, 3) float32: where most of its edges are blurred, another."""
    for _ in range(6):
        shares = {name: share for name, share in _SHARES.items() if name in pictures}
        name = rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values()))
        photo = pictures[name][rng.integers(len(pictures[name]))]
        side = int(np.ceil(TILE / min(rng.uniform(*_SCALES[name]), 1)))
        top, left = (rng.integers(max(length - side, 0) + 1) for length in photo.shape[:2])
        cut = photo[top : top + side, left : left + side]
        below, right = side - cut.shape[0], side - cut.shape[1]
        if below or right:
            cut = cv2.copyMakeBorder(cut, 0, below, 0, right, cv2.BORDER_REFLECT)
        cut = cv2.resize(np.float32(cut) / 255, (TILE, TILE), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            cut = cut[:, ::-1]
        if rng.random() < 0.25:
            cut = cut.swapaxes(0, 1)
        cut = np.ascontiguousarray(cut)
        edges, sharp = _edges(cut)
        if sharp > 0.7 and (edges > 0.02 or rng.random() < 0.3):
            break
    return cut


def _edges(cut):
    """The share of pixels at edges, and how many of these are sharp: their slope falls when they are blurred.

    An edge blurred by s has, after another blur by a, a slope as 1 / sqrt(s^2 + a^2). So the slopes after a = 0.7 and
    a = 2 tell s: their ratio is 2.4 for s = 0.5, and 1.6 for s = 1.3.
    """
    gray = 255 * images.to_gray(cut)
    fine, coarse = (cv2.GaussianBlur(gray, (0, 0), a) for a in (0.7, 2))
    fine, coarse = (cv2.magnitude(*(cv2.Sobel(g, cv2.CV_32F, *d) for d in ((1, 0), (0, 1)))) for g in (fine, coarse))
    peak = (coarse > 25) & (coarse >= cv2.dilate(coarse, np.ones((3, 3))))
    if peak.sum() < 20:
        return peak.mean() * 10, 1.0
    fine = cv2.dilate(fine, np.ones((3, 3)))
    return peak.mean() * 10, (fine[peak] / coarse[peak] > 1.6).mean()


def _noise(rng, scale):
    """Smooth noise of unit deviation, (TILE, TILE)."""
    count = max(int(TILE / scale * 2), 3)
    field = rng.standard_normal((count, count)).astype(np.float32)
    field = cv2.resize(field, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / (field.std() + 1e-6)


def _plain(color, rng):
    """A plain surface, shaded and perhaps with a fine grain."""
    if rng.random() < 0.5:
        color = rng.uniform(0.02, 0.98) + rng.normal(0, 0.06, 3)
    shade = rng.uniform(0, 0.25) * _noise(rng, TILE / rng.uniform(0.5, 3))
    if rng.random() < 0.4:  # as light falls on a round or slanted thing
        shade = shade + rng.uniform(-0.4, 0.4) * _X + rng.uniform(-0.4, 0.4) * _Y
    surface = np.float32(color) * (1 + np.float32(shade))[..., None]
    if rng.random() < 0.3:
        surface = surface + np.float32(rng.uniform(0, 0.02)) * rng.standard_normal(surface.shape).astype(np.float32)
    return surface


def _surface(pictures, rng, plain=None):
    """What a layer shows, (TILE, TILE, 3) float32 in [0, 1]; `plain` is the share of plain ones, else `PLAIN`."""
    plain = PLAIN if plain is None else plain
    cut = _cut(pictures, rng)
    kind = rng.random()
    if kind < 0.12:  # little contrast
        mean = cut.mean((0, 1))
        cut = mean + (cut - mean) * np.float32(10 ** rng.uniform(-1.5, 0))
    elif kind < 0.12 + plain:
        cut = _plain(cut.mean((0, 1)) * rng.uniform(0.4, 1.6), rng)
    elif kind < 0.2 + plain:  # the outlines of things without their detail
        cut = cv2.bilateralFilter(cut, 9, 0.15, 5)
    if rng.random() < 0.15:  # a shadow, whose soft border is none of the lens's
        shadow = cv2.GaussianBlur(_outline(rng), (0, 0), rng.uniform(1, 15))
        cut = cut * (1 - np.float32(rng.uniform(0.1, 0.7)) * shadow[..., None])
    return np.clip(cut, 0, 1)


def _highlights(light, rng):
    """Light beyond white, as lamps and reflections have, that the sensor would have clipped."""
    if rng.random() < 0.35:
        light = light * (1 + np.float32(rng.uniform(0, 6)) * np.clip(light - 0.8, 0, 0.2) * 5)
    if rng.random() < 0.2:
        spots = np.zeros((TILE, TILE), np.float32)
        for _ in range(rng.integers(1, 25)):
            center = tuple(map(int, rng.integers(0, TILE, 2)))
            cv2.circle(spots, center, int(rng.integers(0, 4)), float(rng.uniform(0.5, 15)), -1, cv2.LINE_AA)
        light = light + spots[..., None] * np.float32(rng.uniform(0.5, 1, 3))
    return light


# Outlines


def _outline(rng):
    """A drawn shape, (TILE, TILE) float32 in [0, 1]."""
    if rng.random() < 0.35:
        field = _noise(rng, TILE / rng.uniform(1.5, 8))
        inner = field[MARGIN:-MARGIN, MARGIN:-MARGIN]
        return np.float32(field > np.quantile(inner, rng.uniform(0.35, 0.85)))
    shape = np.zeros((TILE, TILE), np.float32)
    for _ in range(rng.integers(1, 4) if rng.random() < 0.6 else 1):
        center, kind = rng.uniform(MARGIN, TILE - MARGIN, 2), rng.random()
        if kind < 0.45:
            angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
            radius = rng.uniform(10, 110) * rng.uniform(0.5, 1, len(angle))
            corners = center + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
            cv2.fillPoly(shape, [np.int32(corners * 16)], 1.0, cv2.LINE_8, 4)
        elif kind < 0.65:
            axes = tuple(map(float, rng.uniform(12, 140, 2)))
            cv2.ellipse(shape, (tuple(map(float, center)), axes, float(rng.uniform(0, 180))), 1.0, -1)
        elif kind < 0.78:  # a half plane
            angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
            shape[_X * np.cos(angle) + _Y * np.sin(angle) > place] = 1
        else:  # bars, may be thin
            for _ in range(rng.integers(1, 5)):
                along = rng.standard_normal(2)
                along *= TILE / np.linalg.norm(along)
                start = rng.uniform(0, TILE, 2)
                ends = (tuple(map(int, start - along)), tuple(map(int, start + along)))
                cv2.line(shape, *ends, 1.0, int(rng.integers(2, 30)))
    return shape


def _thing(surface, rng):
    """The outline of a thing in a photo: a few regions that grow from random points up to the edges."""
    levels = np.uint8(np.clip(cv2.GaussianBlur(surface, (0, 0), 1.2), 0, 1) * 255)
    count = int(rng.integers(4, 16))
    labels = np.zeros((TILE, TILE), np.int32)
    for number in range(1, count + 1):
        cv2.circle(labels, tuple(map(int, rng.integers(4, TILE - 4, 2))), 3, number, -1)
    cv2.watershed(levels, labels)
    chosen = rng.choice(np.arange(1, count + 1), rng.integers(1, max(count // 2, 2)), replace=False)
    shape = np.uint8(np.isin(labels, chosen))
    shape = cv2.morphologyEx(shape, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.float32(cv2.medianBlur(shape, 5))


# Depth and light


def _depth(near, rng):
    """Inverse depth of a slanted, perhaps bent surface; in units of its own."""
    depth = np.full((TILE, TILE), near, np.float32)
    kind = rng.random()
    if kind < 0.6:
        tilt = rng.normal(0, 0.22, 2).astype(np.float32)
        depth += tilt[0] * _Y + tilt[1] * _X
    if kind < 0.2:
        depth += np.float32(rng.uniform(0, 0.12)) * _noise(rng, TILE / 1.5)
    return depth


def _signed_sigma(count, rng):
    """Maps of sigma of `count` layers from far to near, pixels, negative behind the focal plane."""
    depths = [_depth(near, rng) for near in np.sort(rng.uniform(0, 1, count))]
    lot = rng.random()
    layer = 0 if lot < 0.25 else -1 if lot < 0.6 else rng.integers(count)  # in focus: the far, the near, or any
    focus = depths[layer][tuple(rng.integers(MARGIN, TILE - MARGIN, 2))]
    greatest = rng.uniform(0.5, 12) if rng.random() < 0.6 else rng.uniform(8, GREATEST_SIGMA)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    scale = greatest / max(max(np.abs(depth[inner] - focus).max() for depth in depths), 0.08)
    return [np.clip(scale * (depth - focus), -GREATEST_SIGMA, GREATEST_SIGMA) for depth in depths]


def _blur(light, opacity, signed, lens):
    """Blur a layer's light and opacity by its map of sigma: (3 or 4, SIZE, SIZE), and the sigma that was used.

    A slanted surface is mixed from a few evenly blurred ones so that the variance is right at each pixel.
    """
    channels = light.transpose(2, 0, 1) if opacity is None else np.dstack([light * opacity[..., None], opacity]).T
    if opacity is not None:
        channels = channels.swapaxes(1, 2)
    spectrum = scipy.fft.rfft2(np.ascontiguousarray(channels, np.float32))
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    sigma, behind = np.abs(signed[inner]), bool(signed[inner].mean() < 0)

    def blurred(amount):
        of_light = kernels.transfer(lens, amount, TILE, behind)
        return scipy.fft.irfft2(spectrum * of_light, s=(TILE, TILE))[(slice(None), *inner)]

    least, most = float(sigma.min()), float(sigma.max())
    if most - least < 0.02 * most + 0.01:
        amount = (least + most) / 2
        return blurred(amount), np.full_like(sigma, amount)
    count = int(np.clip(np.ceil((np.sqrt(most) - np.sqrt(least)) / 0.22), 1, 8)) + 1
    amounts = np.linspace(np.sqrt(least), np.sqrt(most), count) ** 2
    variances, variance = amounts**2, sigma**2
    mixed = np.zeros((len(channels), SIZE, SIZE), np.float32)
    for number, amount in enumerate(amounts):
        weight = np.float32(np.interp(variance, variances, np.eye(count)[number]))
        mixed += weight * blurred(float(amount))
    return mixed, sigma


def _tone(rng):
    """The curve from a photo to light and back: most lenses work on light, the paper's model on stored values."""
    lot = rng.random()
    if lot < 1 - LIGHT:
        return None
    if lot < 1.25 - LIGHT:
        return optics.to_light, optics.to_srgb
    gamma = np.float32(rng.uniform(1.6, 2.6))
    return lambda x: x**gamma, lambda x: x ** (1 / gamma)


def render(pictures, rng):
    """Render a random scene.

    Parameters
    ----------
    pictures : dict of str to list of (H, W, 3) uint8 ndarray
        Photos by set, from `load`.
    rng : numpy.random.Generator

    Returns
    -------
    Scene
        Without noise; `degrade.sample` adds what a camera adds.
    """
    lens, tone = kernels.draw(rng), _tone(rng)

    def lit(surface):
        return _highlights(tone[0](surface), rng) if tone else surface

    lot = rng.random()
    if lot < EVEN:
        amount = rng.uniform(0, GREATEST_SIGMA) if rng.random() < 0.7 else np.expm1(rng.uniform(0, np.log(20)))
        amount = 0.0 if rng.random() < 0.2 else amount
        signed = np.full((TILE, TILE), amount * rng.choice([-1, 1]), np.float32)
        light, sigma = _blur(lit(_surface(pictures, rng, plain=0)), None, signed, lens)
    else:
        signed = _signed_sigma(1 if lot < EVEN + 0.14 else int(rng.integers(2, 6)), rng)
        one_photo = _surface(pictures, rng) if rng.random() < 0.3 else None  # its things, moved in depth only
        light, sigma = _blur(
            lit(one_photo if one_photo is not None else _surface(pictures, rng)), None, signed[0], lens
        )
        for layer in signed[1:]:
            surface = one_photo if one_photo is not None else _surface(pictures, rng)
            shape = (
                _thing(surface, rng)
                if rng.random() < THINGS * (0.8 if one_photo is not None else 0.25)
                else _outline(rng)
            )
            opacity = cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.4, 0.65))
            over, own = _blur(lit(surface), opacity, layer, lens)
            light = light * (1 - np.clip(over[3:], 0, 1)) + over[:3]
            sigma = np.where(opacity[MARGIN:-MARGIN, MARGIN:-MARGIN] > 0.5, own, sigma)
    image = np.clip(light, 0, 1)
    image = np.clip(tone[1](image), 0, 1) if tone else image
    return Scene(np.ascontiguousarray(image.transpose(1, 2, 0), np.float32), np.float32(sigma))


# A pool on disk


class Pool:
    """Scenes by number, rendered when first asked for and kept as files.

    A scene is a function of split, seed and number alone, so several processes may fill one folder, and what one of
    them lacks it renders itself.

    Parameters
    ----------
    folder : path
    split : {"train", "dev", "test"}
    seed : int
    pictures : dict of str to list of (H, W, 3) uint8 ndarray, optional
        Instead of the photos of the split.
    """

    def __init__(self, folder, split, seed=0, pictures=None):
        self.folder, self.split, self.seed = folder, split, seed
        self.given = pictures

    @functools.cached_property
    def pictures(self):
        """The photos that its scenes are made of."""
        return load(self.split) if self.given is None else self.given

    def file(self, number):
        """The file of a scene."""
        return self.folder / f"{self.split}-{self.seed}-{number:06d}.npy"

    def __getitem__(self, number):
        """The scene as (SIZE, SIZE, 4) uint16: RGB, and sigma in units of 1 / `STORED_SIGMA`."""
        path = self.file(number)
        if path.is_file():
            return np.load(path)
        image, sigma = render(self.pictures, np.random.default_rng((self.seed, number)))
        stored = np.dstack([np.rint(image * 65535), np.rint(sigma * STORED_SIGMA)]).astype(np.uint16)
        with storage.whole(path) as file:
            np.save(file, stored)
        return stored
