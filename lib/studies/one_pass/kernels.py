"""The spots that lenses make of a point out of focus, as many kinds as there are lenses.

No photo knows the kernel of its lens, so the network must not rely on one. A spot is a picture of the aperture: a
disk or a polygon of the blades, cut by the rim of another lens off the axis, its light gathered at the rim or in the
core by spherical aberration, askew by coma, stretched by astigmatism, and softened more or less, up to a Gaussian.
Behind the focal plane it is turned by half a turn and rim and core change places. Whatever its form, sigma is its
second moment, as in `lib.optics`.
"""

from dataclasses import dataclass

import numpy as np

FINE = 97
"""Samples across the spot when its moments are measured."""
MOST_SAMPLES = 8
"""Of a pixel's side, for the smallest spots."""
GAUSSIANS = 0.15
"""Share of the lenses whose spot is a Gaussian."""
POINT = 0.2
"""Sigma of a kernel that no pixel can tell from a point, pixels."""


@dataclass(frozen=True)
class Lens:
    """The form of a lens's spot; lengths in units of the aperture's radius.

    Attributes
    ----------
    blades : int
        Corners of the aperture; 0 is a circle.
    turn : float
        Angle of its first corner and of the stretch, radians.
    softness : float
        Width of its rim's slope.
    rim, power : float
        Light added at the rim, as the radius to this power; a negative one takes light away from it.
    core, core_width : float
        Light added in the middle, as a Gaussian.
    hole : float
        Radius of a mirror lens's secondary mirror.
    cut : (float, float)
        Center of the circle, a little wider than the aperture, that cuts it off the axis.
    skew : (float, float)
        Center of rim and core.
    stretch : float
        Of one axis by this and of the other by its inverse.
    gaussian : float
        Share of the variance that is a Gaussian's; 1 is nothing else.
    """

    blades: int = 0
    turn: float = 0.0
    softness: float = 0.02
    rim: float = 0.0
    power: float = 2.0
    core: float = 0.0
    core_width: float = 0.3
    hole: float = 0.0
    cut: tuple = (0.0, 0.0)
    skew: tuple = (0.0, 0.0)
    stretch: float = 1.0
    gaussian: float = 0.0

    def light(self, x, y, behind=False):
        """Brightness of the spot at (x, y), not normalised."""
        if behind:
            x, y = -x, -y
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        x, y = (cos * x + sin * y) * self.stretch, (cos * y - sin * x) / self.stretch
        radius = np.hypot(x, y)
        edge = 1.0
        if self.blades:
            sector = 2 * np.pi / self.blades
            edge = np.cos(sector / 2) / np.cos(np.arctan2(y, x) % sector - sector / 2)
        light = np.clip((edge - radius) / self.softness + 0.5, 0, 1)
        across = np.hypot(x - self.skew[0], y - self.skew[1]) / edge
        rim = -0.7 * self.rim if behind else self.rim
        light = light * np.maximum(1 + rim * np.minimum(across, 1.3) ** self.power, 0.03)
        if self.core:
            light = light * (1 + self.core * np.exp(-((across / self.core_width) ** 2)))
        if any(self.cut):
            light = light * np.clip((1.12 - np.hypot(x - self.cut[0], y - self.cut[1])) / 0.1 + 0.5, 0, 1)
        if self.hole:
            light = light * np.clip((radius - self.hole) / 0.1 + 0.5, 0, 1)
        return light


def draw(rng):
    """A random lens.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Lens
    """
    kind = rng.random()
    if kind < GAUSSIANS:
        return Lens(gaussian=1.0)
    if kind < GAUSSIANS + 0.12:
        return Lens(gaussian=float(rng.choice([0, rng.uniform(0, 0.3)])))  # a clean disk, or nearly one
    chance = rng.random
    light = chance()
    return Lens(
        blades=int(rng.integers(5, 10)) if chance() < 0.4 else 0,
        turn=rng.uniform(0, 2 * np.pi),
        softness=rng.uniform(0.03, 0.4),
        rim=rng.uniform(0, 5) * rng.uniform(0.2, 1) if light < 0.45 else rng.uniform(-1, 0) if light < 0.7 else 0.0,
        power=rng.uniform(1.5, 8),
        core=rng.uniform(0, 6) if light > 0.6 else 0.0,
        core_width=rng.uniform(0.12, 0.6),
        hole=rng.uniform(0.2, 0.55) if chance() < 0.1 else 0.0,
        cut=_off_axis(rng, 0.1, 0.8) if chance() < 0.35 else (0.0, 0.0),
        skew=_off_axis(rng, 0.0, 0.5) if chance() < 0.5 else (0.0, 0.0),
        stretch=np.exp(rng.normal(0, 0.08)) if chance() < 0.4 else 1.0,
        gaussian=rng.uniform(0, 0.06) if chance() < 0.65 else rng.uniform(0.03, 0.6),
    )


def _off_axis(rng, least, most):
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(least, most)
    return distance * np.cos(angle), distance * np.sin(angle)


def kernel(lens, sigma, behind=False):
    """A lens's spot in pixels, without its Gaussian share.

    Parameters
    ----------
    lens : Lens
    sigma : float
        Second moment in pixels: the root of the mean variance along the two axes.
    behind : bool
        Of a point behind the focal plane.

    Returns
    -------
    (K, K) float64 ndarray
        K is odd; the sum is 1. Each pixel gathers its share of the spot, as in `optics.disk_kernel`.
    """
    if sigma < POINT:
        return np.ones((1, 1))
    line = np.linspace(-1.7, 1.7, FINE)
    light = lens.light(line[None], line[:, None], behind)
    light /= light.sum()
    across, down = light.sum(axis=0), light.sum(axis=1)
    center = across @ line, down @ line
    radius = np.sqrt((across @ (line - center[0]) ** 2 + down @ (line - center[1]) ** 2) / 2)  # in units of aperture
    samples = int(np.clip(round(10 / sigma), 2, MOST_SAMPLES))
    reach = int(np.ceil(1.7 * sigma / radius))
    place = (np.arange((2 * reach + 1) * samples) + 0.5) / samples - reach - 0.5
    place = place * radius / sigma
    light = lens.light(place[None] + center[0], place[:, None] + center[1], behind)
    light = light.reshape(2 * reach + 1, samples, 2 * reach + 1, samples).sum(axis=(1, 3))
    return light / light.sum()


def transfer(lens, sigma, side, behind=False):
    """The whole spot as a filter for ``scipy.fft.rfft2`` of a square picture.

    Parameters
    ----------
    lens : Lens
    sigma : float
        Pixels.
    side : int
        Of the picture, pixels.
    behind : bool

    Returns
    -------
    (side, side // 2 + 1) complex64 ndarray
    """
    of_light = 1.0
    if lens.gaussian < 1 and sigma * np.sqrt(1 - lens.gaussian) >= POINT:
        spot = kernel(lens, sigma * np.sqrt(1 - lens.gaussian), behind)
        reach = len(spot) // 2
        picture = np.zeros((side, side), np.float32)
        place = np.arange(-reach, reach + 1) % side
        np.add.at(picture, (place[:, None], place[None]), spot)
        of_light = np.fft.rfft2(picture).astype(np.complex64)
    if lens.gaussian > 0:
        spread = -2 * (np.pi * sigma) ** 2 * lens.gaussian
        down, across = np.exp(spread * np.fft.fftfreq(side) ** 2), np.exp(spread * np.fft.rfftfreq(side) ** 2)
        of_light = of_light * np.float32(np.outer(down, across))
    return np.broadcast_to(np.complex64(of_light), (side, side // 2 + 1))
