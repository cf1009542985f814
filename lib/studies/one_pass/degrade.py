"""What a camera and its software do to a scene after the lens: exposure, color, size, noise, sharpening, JPEG."""

import cv2
import numpy as np

from lib import images, optics
from lib.studies.one_pass import scenes
from lib.training import degradations

MOST_NOISE = 10.0
"""Standard deviation, gray levels of 0..255: a small sensor at ISO 3200."""
EVEN = (0, 1, 2, 3, 5, 8, 10, 15)
"""Sigma by which whole photos are blurred to see what is read, pixels."""
_INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_AREA)


def sample(stored, rng):
    """A scene of the pool as a photo to train on, different each time.

    Parameters
    ----------
    stored : (SIZE, SIZE, 4) uint16 ndarray
        From `scenes.Pool`.
    rng : numpy.random.Generator

    Returns
    -------
    photo : (SIZE, SIZE, 3) float32 ndarray
        In [0, 1].
    sigma : (SIZE, SIZE) float32 ndarray
        Pixels.
    """
    transpose, up, left = rng.random(3) < 0.5
    stored = stored[:: 1 - 2 * up, :: 1 - 2 * left]
    stored = stored.swapaxes(0, 1) if transpose else stored
    photo = np.float32(stored[..., :3]) * np.float32(1 / 65535)
    sigma = np.float32(stored[..., 3]) * np.float32(1 / scenes.STORED_SIGMA)
    if rng.random() < 0.3:
        photo, sigma = _resize(photo, sigma, rng)
    photo = _expose(photo, rng)
    if rng.random() < 0.12:
        photo = np.repeat(images.to_gray(photo)[..., None], 3, axis=2)
    if rng.random() < 0.6:
        photo = _sense(photo, MOST_NOISE * rng.random() ** 1.7, rng.uniform(0.3, 0.9), rng)
    photo = _develop(photo, rng)
    lot = rng.random()
    if lot < 0.35:
        photo = _compress(photo, int(rng.integers(50, 98)))
    elif lot < 0.85:
        photo = np.rint(photo * 255) / np.float32(255)
    return photo, sigma


def _resize(photo, sigma, rng):
    """Enlarged and cut, or shrunk and mirrored at the border; blur grows and shrinks with it."""
    side, scale = len(photo), rng.uniform(0.6, 1) if rng.random() < 0.4 else rng.uniform(1, 1.5)
    kept, made = (side, round(side * scale)) if scale < 1 else (round(side / scale), side)
    top, left = rng.integers(side - kept + 1, size=2)
    how = _INTERPOLATIONS[rng.integers(3)] if scale > 1 else cv2.INTER_AREA
    cut = np.s_[top : top + kept, left : left + kept]
    photo = np.clip(cv2.resize(photo[cut], (made, made), interpolation=how), 0, 1)
    sigma = cv2.resize(sigma[cut], (made, made), interpolation=cv2.INTER_NEAREST) * np.float32(made / kept)
    rest = (0, side - made, 0, side - made, cv2.BORDER_REFLECT_101)
    return cv2.copyMakeBorder(photo, *rest), cv2.copyMakeBorder(sigma, *rest)


def _expose(photo, rng):
    """Contrast, brightness, tone and white balance."""
    if rng.random() < 0.3:
        photo = photo ** np.float32(np.exp(rng.normal(0, 0.25)))
    gain = rng.uniform(0.4, 1.15)
    photo = photo * np.float32(gain) + np.float32(rng.uniform(0, max(0, 1 - gain)) * 0.5)
    if rng.random() < 0.3:
        photo = photo * np.float32(rng.uniform(0.8, 1.15, 3))
    return np.clip(photo, 0, 1)


def _sense(photo, level, spread, rng):
    """Noise of a sensor, of this deviation in gray levels at middle gray.

    Half of it is correlated, as developing leaves it: `spread` is the sigma of that, pixels.
    """
    kind = rng.random()
    noise = rng.standard_normal((*photo.shape[:2], 1 if kind < 0.25 else 3), np.float32)
    if kind < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), spread).reshape(noise.shape)
        noise /= noise.std() + 1e-6
    if rng.random() < 0.5:  # of light: its variance grows with the signal
        noise = noise * np.sqrt(0.1 + 1.8 * photo)
    return np.clip(photo + noise * np.float32(level / 255), 0, 1)


def _develop(photo, rng):
    """Some cameras smooth noise away and some sharpen."""
    lot = rng.random()
    if lot < 0.06:
        photo = cv2.bilateralFilter(photo, 5, rng.uniform(0.02, 0.06), 1.5)
    elif lot < 0.2:
        soft = cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.6, 1.3))
        photo = np.clip(photo + np.float32(rng.uniform(0.2, 0.9)) * (photo - soft), 0, 1)
    return photo


def _compress(photo, quality):
    return np.float32(degradations.as_jpeg(images.to_uint8(photo), quality)) / 255


def blur(photo, sigma):
    """Blur a whole float32 photo evenly, by a Gaussian of sigma pixels."""
    line = optics.gaussian_kernel(sigma).sum(axis=0)
    return cv2.sepFilter2D(photo, -1, line, line, borderType=cv2.BORDER_REFLECT)


def spoil(photo, seed, noise=0.0, jpeg=None, gray=False):
    """A photo as it is measured on.

    Parameters
    ----------
    photo : (H, W, 3) float32 ndarray in [0, 1]
    seed : int
        Of the noise.
    noise : float
        White and independent in the channels, standard deviation in gray levels of 0..255.
    jpeg : int, optional
        Quality, after the noise.
    gray : bool
        Without its colors.

    Returns
    -------
    (H, W, 3) float32 ndarray
        In 8 bits' steps.
    """
    if gray:
        photo = np.repeat(images.to_gray(photo)[..., None], 3, axis=2)
    levels = images.to_uint8(photo)
    if noise:
        levels = degradations.add_noise(levels, noise, np.random.default_rng(seed))
    if jpeg:
        levels = degradations.as_jpeg(levels, jpeg)
    return np.float32(levels) / 255
