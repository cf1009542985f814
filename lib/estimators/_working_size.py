"""Estimating large photos at a smaller size: the memory of some methods grows with the photo."""

import cv2
import numpy as np

from lib import images
from lib.guided_filter import guided_filter

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
