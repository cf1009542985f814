"""GFF, "Image fusion with guided filtering" (Li, Kang and Hu 2013).

Each frame is split into a base, its local mean, and the detail that is left. The sharpest frame at
each pixel gets the weight 1; guided filters make the weights follow the frame, widely for the base
and narrowly for the detail.
"""

import cv2
import numpy as np

from lib.fusion.stack import as_image, frames, luma, per_channel
from lib.guided_filter import guided_filter

_LAPLACIAN = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
_TINY = 1e-12
_BASE_SIZE = 31
_SALIENCY_SIZE = 11


def fuse(
    stack,
    base_radius=45,
    base_epsilon=0.3,
    detail_radius=7,
    detail_epsilon=1e-6,
    saliency_sigma=5.0,
    border="replicate",
    quantized=True,
):
    """Fuse frames as published.

    Of frames that are equally sharp the first is taken, as in the published program.

    Parameters
    ----------
    stack
        As in `lib.fusion.fuse`; gone through twice.
    base_radius, base_epsilon, detail_radius, detail_epsilon
        Of the guided filters of the base's and of the detail's weights: r1, eps1, r2, eps2.
    saliency_sigma : float
        Of the Gaussian over the absolute Laplacian, cut to 11x11 pixels.
    border : {"replicate", "zero"}
        What the Laplacian, the Gaussian and the mean see beyond the frame.
    quantized : bool
        Round luma and weights to 8 bit.

    References
    ----------
    Li, Kang and Hu, "Image fusion with guided filtering", IEEE Trans. Image Process. 22(7), 2013.

    Examples
    --------
    >>> flat = np.full((40, 50), 0.5)
    >>> bool(np.allclose(fuse([flat, flat]), 0.5))
    True
    """
    sides = {"replicate": cv2.BORDER_REPLICATE, "zero": cv2.BORDER_CONSTANT}[border]
    sharpest = _sharpest(stack, saliency_sigma, sides, quantized)
    layers = 0.0, 0.0
    totals = 0.0, 0.0
    for number, frame in enumerate(frames(stack)):
        frame = np.asarray(frame, np.float64)
        gray = luma(frame, quantized)
        chosen = np.float64(sharpest == number)
        base = cv2.blur(frame, (_BASE_SIZE, _BASE_SIZE), borderType=sides)
        weights = (
            _weight(chosen, gray, base_radius, base_epsilon, quantized),
            _weight(chosen, gray, detail_radius, detail_epsilon, quantized),
        )
        parts = base, frame - base
        layers = [sum_ + per_channel(w, frame) * part for sum_, w, part in zip(layers, weights, parts, strict=True)]
        totals = [sum_ + w for sum_, w in zip(totals, weights, strict=True)]
    return as_image(sum(layer / per_channel(total, layer) for layer, total in zip(layers, totals, strict=True)))


def fuse_table3(stack, **options):
    """Fuse frames as the row "GFF" of the paper's Table 3 must have been made.

    Its digits are those of a GFF with a narrow saliency (sigma 0.5), zeros beyond the border, and
    nothing rounded; parameters as in `fuse`.
    """
    return fuse(stack, **{"saliency_sigma": 0.5, "border": "zero", "quantized": False} | options)


def _sharpest(stack, sigma, border, quantized):
    """Number of the frame with the highest saliency at each pixel, the first of equals."""
    profile = cv2.getGaussianKernel(_SALIENCY_SIZE, sigma, cv2.CV_64F)
    best = label = None
    for number, frame in enumerate(frames(stack)):
        contrast = np.abs(cv2.filter2D(luma(frame, quantized), -1, _LAPLACIAN, borderType=border))
        saliency = cv2.sepFilter2D(contrast, -1, profile, profile, borderType=border)
        if best is None:
            best, label = saliency, np.zeros(saliency.shape, np.int32)
        else:
            label[saliency > best] = number
            np.maximum(best, saliency, out=best)
    return label


def _weight(chosen, gray, radius, epsilon, quantized):
    weight = guided_filter(chosen, gray, radius, epsilon, border="shrink")
    if quantized:
        weight = np.floor(255 * np.clip(weight, 0, 1) + 0.5) / 255
    return weight + (_TINY if quantized else 0)


METHODS = {"gff": fuse, "gff-table3": fuse_table3}
