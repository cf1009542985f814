"""What the registry and the tables know about a method."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from lib import images
from lib.guided_filter import guided_filter


@dataclass(frozen=True)
class Method:
    """What an estimator's map means.

    Attributes
    ----------
    title : str
        For tables and figures.
    unit : {"sigma", "score"}
        Pixels of sigma, or a score without unit, which its `estimate` explains.
    blurrier : {"larger", "smaller"}
        Which values mean more blur.
    working_pixels : int, optional
        Larger photos are estimated at this many pixels and the map is scaled up; none by default.
    variants : dict of dict
        Options of `estimate` that make further entries of the registry, by name.
    titles : dict of str
        Of the variants, by name; by default the title and the name.
    """

    title: str
    unit: str = "sigma"
    blurrier: str = "larger"
    working_pixels: int | None = None
    variants: dict = field(default_factory=dict)
    titles: dict = field(default_factory=dict)


EPSILON = 1e-3
"""Regularization of the guided filter that puts the enlarged map on the edges of the photo."""


def at_working_size(estimate, image, method):
    """Estimate a map at a method's working size and bring it to the size of the photo.

    A large photo is reduced by area averages to ``method.working_pixels`` (its shape kept), its map enlarged, and
    filtered under the gray photo (He et al.) with windows as wide as three pixels of the small map. A map in sigma is
    multiplied by the reduction: blur of s pixels in the small photo is blur of s times the reduction in the large.

    Parameters
    ----------
    estimate : callable
        ``estimate(image)`` returns an (H, W) map.
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    method : Method

    Returns
    -------
    (H, W) float32 ndarray
    """
    height, width = image.shape[:2]
    reduction = max(np.sqrt(height * width / method.working_pixels), 1)
    if reduction == 1:
        return np.asarray(estimate(image), np.float32)
    # A strip's short side stays large enough for the windows of every method.
    size = [min(side, max(round(side / reduction), 32)) for side in (width, height)]
    small = np.asarray(estimate(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), np.float32)
    scale = reduction if method.unit == "sigma" else 1
    large = cv2.resize(small * np.float32(scale), (width, height), interpolation=cv2.INTER_LINEAR)
    refined = guided_filter(large, images.to_gray(image), max(round(1.5 * reduction), 1), EPSILON)
    return np.clip(refined, large.min(), large.max(), out=refined)
