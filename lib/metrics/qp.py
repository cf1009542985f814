"""QP: how well the fused image keeps the sources' features, found by phase congruency (Zhao et al. 2007).

Features are where the waves that make up an image are in phase, however strong they are: phase
congruency (Kovesi 1999), here with the maximum and minimum moment of its covariance over the
directions, which are large at edges and at corners.
"""

import cv2
import numpy as np
from scipy import fft

from lib.metrics.inputs import gray_levels

SCALES = 4
ORIENTATIONS = 6
SHORTEST_WAVE = 3
"""Wavelength of the finest filter, pixels; each coarser one is `WAVE_RATIO` times as long."""
WAVE_RATIO = 2.1
BANDWIDTH = 0.55
"""Sigma of a log-Gabor filter's radial profile, as a share of its frequency."""
SPREAD = np.pi / ORIENTATIONS / 1.2
"""Sigma of a filter's angular profile, radians."""
NOISE_SIGMAS = 2
"""k: how many standard deviations of the noise's energy above its mean a feature has to be."""
CUT_OFF, GAIN = 0.5, 10
"""Of the sigmoid that takes down features found at few scales."""
EPSILON = 1e-4

FEATURE = 0.1
"""Pixels of more phase congruency are features."""
WINDOW = 11, 1.5
"""Side and sigma of the Gaussian window in which features are correlated, pixels."""
STABILITY = 1e-4


def qp(a, b, fused):
    """Correlation of a fused image's features with those of its sources.

    The product of three means over the feature pixels of the sources: one for phase congruency and
    one for each of its moments.

    Parameters
    ----------
    a, b, fused : (H, W[, 3]) uint8 ndarray
        The sources and their fusion, gray or RGB, at least 11x11 pixels.

    Returns
    -------
    float
        At most 1; NaN if the sources have no features. Identical images score less than 1: the maps of
        the sources are set to 0 outside their features, that of the fused image is not.

    Examples
    --------
    >>> square = np.zeros((32, 32), np.uint8)
    >>> square[8:24, 8:24] = 200
    >>> black = np.zeros_like(square)
    >>> round(qp(square, square, square), 3), qp(black, black, square)
    (0.916, nan)
    """
    maps = qp_maps(a, b, fused)
    features = np.isfinite(maps[0])
    return float(maps[:, features].mean(axis=1).prod()) if features.any() else float("nan")


def qp_maps(a, b, fused):
    """What `qp` averages: the correlations of the three features around each pixel.

    (3, H, W) float64, for phase congruency, its maximum and its minimum moment; NaN where the sources have no feature.
    """
    of_a, of_b, of_fused = (np.stack(phase_congruency(g)) for g in gray_levels(a, b, fused, smallest=WINDOW[0]))
    strongest = np.where(of_a[0] > of_b[0], of_a, of_b)  # the moments follow phase congruency's choice
    best = np.full(of_a.shape, -np.inf)
    for source in (of_a, of_b, strongest):
        mask = source[0] > FEATURE
        for k in range(3):
            correlation = _correlation(source[k] * mask, of_fused[k])
            best[k] = np.maximum(best[k], np.where(mask, correlation, 0))
    return np.where(strongest[0] > FEATURE, best, np.nan)


def phase_congruency(gray):
    """Phase congruency of an image and the moments of its covariance.

    The numbers of `qp`'s reference program need its deviations from Kovesi's published method: one
    map over all directions, and half the covariance.

    Parameters
    ----------
    gray : (H, W) ndarray
        Gray levels, 0 to 255.

    Returns
    -------
    congruency, maximum, minimum : (H, W) float64 ndarray
        Not negative but for rounding, about 0 in flat images.
    """
    spectrum = fft.fft2(gray)
    radial, angle = _radial_filters(gray.shape), _angle(gray.shape)
    energy, amplitude = np.zeros(gray.shape), np.zeros(gray.shape)
    xx, yy, xy = np.zeros((3, *gray.shape))
    for direction in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
        filters = radial * _angular_filter(angle, direction)
        energy_o, amplitude_o = _energy(spectrum, filters)
        energy += energy_o
        amplitude += amplitude_o
        share = np.divide(energy_o, amplitude_o, out=np.zeros(gray.shape), where=amplitude_o > 0)
        x, y = share * np.cos(direction), share * np.sin(direction)
        xx += x * x / (ORIENTATIONS / 2)
        yy += y * y / (ORIENTATIONS / 2)
        xy += x * y / ORIENTATIONS
    spread = np.hypot(xy, xx - yy) + EPSILON
    return energy / (amplitude + EPSILON), (xx + yy + spread) / 2, (xx + yy - spread) / 2


def _energy(spectrum, filters):
    """Weighted energy of the waves in phase, and sum of the amplitudes, for one direction."""
    waves = fft.ifft2(spectrum * filters)  # even part + i odd part of each scale
    amplitudes = np.abs(waves)
    amplitude = amplitudes.sum(axis=0)
    total = waves.sum(axis=0)
    mean = total / (np.abs(total) + EPSILON)
    # Each wave along the mean phase, less what is across: cos - |sin| of the deviation.
    turned = waves * mean.conj()
    energy = (turned.real - np.abs(turned.imag)).sum(axis=0)
    energy = np.maximum(energy - _noise_threshold(amplitudes[0], filters), 0)
    width = amplitude / (amplitudes.max(axis=0) + EPSILON) / SCALES
    return energy / (1 + np.exp(GAIN * (CUT_OFF - width))), amplitude


def _noise_threshold(finest, filters):
    """Energy that noise reaches, from the median response of the finest filter, which sees mostly noise."""
    power = np.median(finest**2) / np.log(2) / (filters[0] ** 2).sum()
    # The squared responses of all filters and twice their products add up to the square of their sum. The real
    # part of a filter's response has the even part of its spectrum, and by Parseval's theorem no inverse is needed.
    total = filters.sum(axis=0)
    even = (total + np.roll(total[::-1, ::-1], 1, axis=(0, 1))) / 2
    tau = np.sqrt(power * (even**2).sum())
    return tau * (np.sqrt(np.pi / 2) + NOISE_SIGMAS * np.sqrt(2 - np.pi / 2)) / 1.7


def _radial_filters(shape):
    """Log-Gabor profile of each scale, cut off below the corners of the spectrum: (SCALES, H, W)."""
    y, x = np.ix_(*(_frequencies(n) for n in shape))
    radius = np.hypot(x, y)
    radius[0, 0] = 1  # its logarithm is taken; the mean is set to 0 below
    # The low-pass has a grid of its own, which differs from that of the radius for odd lengths.
    low_y, low_x = np.ix_(*(np.fft.fftshift((np.arange(n) - n // 2) / n) for n in shape))
    low_pass = 1 / (1 + (np.hypot(low_x, low_y) / 0.45) ** 30)
    wavelengths = SHORTEST_WAVE * WAVE_RATIO ** np.arange(SCALES)
    filters = np.exp(-(np.log(radius * wavelengths[:, None, None]) ** 2) / (2 * np.log(BANDWIDTH) ** 2)) * low_pass
    filters[:, 0, 0] = 0
    return filters


def _angular_filter(angle, direction):
    away = np.abs(angle - direction)
    away = np.minimum(away, 2 * np.pi - away)
    return np.exp(-(away**2) / (2 * SPREAD**2))


def _angle(shape):
    y, x = np.ix_(*(_frequencies(n) for n in shape))
    return np.arctan2(-y, x)


def _frequencies(n):
    """Cycles per pixel from 0, -1/2 to 1/2; odd lengths reach both ends."""
    return np.fft.ifftshift((np.arange(n) - n // 2) / (n - n % 2))


def _correlation(x, y):
    mean_x, mean_y = _local(x), _local(y)
    covariance = _local(x * y) - mean_x * mean_y
    product = (_local(x * x) - mean_x**2) * (_local(y * y) - mean_y**2)
    return (covariance + STABILITY) / (np.sqrt(np.abs(product)) + STABILITY)


def _local(x):
    """Mean in a Gaussian window; zeros around the image."""
    profile = cv2.getGaussianKernel(*WINDOW)
    return cv2.sepFilter2D(x, -1, profile, profile, borderType=cv2.BORDER_CONSTANT)


METHODS = {"QP": qp}
