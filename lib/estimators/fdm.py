"""Fast defocus map estimation, FDM (Chen, Chen and Chang 2016): blur at the edges, spread over superpixels.

Two decisions are ours. Where the reference program samples the derivative of the Gaussian of 1.5 sigma up to 4
standard deviations, a sigma of 0.75 makes that 4.5 pixels, a kernel of 10 samples without a center, which
shifts the second gradient by half a pixel against the first; here the kernel is rounded up to 11. And the reference
turns the ratio R of the gradients into ``s2 / sqrt(R^2 - 1)``, which would be right if the *photo* were blurred
again by s2, but is 1.34 sqrt(sigma^2 + s1^2) for the ratio of two derivatives that it measures; here sigma is what
R says (Zhuo and Sim's formula), and the reference's is available as ``formula="released"``.
"""

import math

import cv2
import numpy as np
from scipy import ndimage
from skimage.color import rgb2ycbcr
from skimage.segmentation import slic

from lib import images
from lib.estimators._method import Method, at_working_size
from lib.estimators.zhuo_sim import RATIO, find_edges, gradient_ratio, ratio_to_sigma

METHOD = Method(
    title="FDM",
    unit="sigma",
    blurrier="larger",
    working_pixels=400_000,
    variants={"fdm-released": {"formula": "released"}},
    titles={"fdm-released": "FDM, released formula"},
)

EDGE_THRESHOLD, EDGE_SIGMA = 0.1, 1.0
"""Of the Canny edges, the first as a share of the strongest gradient."""
COMPACTNESS = 20.0
"""Weight of nearness against color in SLIC."""
FEWEST_EDGES = 10
"""Superpixels with fewer edge pixels take their value from their neighbors."""
CONTRAST = 60.0
"""How fast the bond of two superpixels falls with their color difference."""
LEAK = 1e-4
"""Keeps the propagation's matrix invertible."""
MAX_BLUR = 10.0
"""Largest sigma at an edge, pixels."""


def estimate(image, sigma=0.75, superpixels=200, formula="exact"):
    """Estimate the defocus map of a photo (Chen, Chen and Chang, ICIP 2016).

    Photos of more than 0.4 megapixels are estimated at that size, see `at_working_size`. The reference program
    rescales each map to [0, 1]; here it stays in pixels.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    sigma : float
        s1, scale of the first gradient, pixels; the second is 1.5 s1.
    superpixels : int
        How many SLIC makes, about.
    formula : {"exact", "released"}
        From the ratio of gradients to sigma, see above.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, constant in each superpixel. A photo without edges gets 0.

    Examples
    --------
    >>> step = np.zeros((48, 64), np.float32)
    >>> step[:, 32:] = 1
    >>> blurred = cv2.GaussianBlur(step, (0, 0), 2)
    >>> bool(abs(estimate(blurred, superpixels=4) - 2).max() < 0.1)
    True
    """
    if formula not in ("exact", "released"):
        msg = f"Expected formula 'exact' or 'released', got {formula!r}."
        raise ValueError(msg)

    def full_map(image):
        color = np.dstack([image] * 3) if image.ndim == 2 else image
        labels = slic(color, superpixels, compactness=COMPACTNESS, start_label=0)
        labels = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        sparse = blur_at_edges(images.to_gray(image).astype(np.float64), sigma, formula)
        values = propagate(*superpixel_values(sparse, labels), superpixel_bonds(rgb2ycbcr(color), labels))
        return values[labels]

    return at_working_size(full_map, images.check_image(image), METHOD)


def blur_at_edges(gray, sigma, formula="exact"):
    """Sigma at Canny's edges, 0 elsewhere and where the ratio of the gradients makes no sense: (H, W) float64."""
    s1, s2 = sigma, RATIO * sigma
    radii = [math.ceil(4 * scale) for scale in (s1, s2)]
    ratio = gradient_ratio(gray, (s1, s2), radii, border=cv2.BORDER_CONSTANT)
    found = find_edges(gray, EDGE_SIGMA, EDGE_THRESHOLD) & (ratio > 1) & (ratio <= s2 / s1)
    r = ratio[found]
    sparse = np.zeros(gray.shape)
    sparse[found] = ratio_to_sigma(r, s1, s2) if formula == "exact" else s2 / np.sqrt(r**2 - 1)
    return np.minimum(sparse, MAX_BLUR)


def superpixel_values(sparse, labels):
    """The median sigma of the edges, where it is above 1e-4, in each superpixel, by labels from 0 to n - 1.

    (n,) values, and (n,) bool, whether a superpixel has at least `FEWEST_EDGES` of them.
    """
    number = np.arange(labels.max() + 1)
    edges = sparse > 1e-4
    known = np.bincount(labels[edges], minlength=len(number)) >= FEWEST_EDGES
    values = np.zeros(len(number))
    if known.any():
        values[known] = ndimage.median(sparse[edges], labels[edges], number[known])
    return values, known


def superpixel_bonds(colors, labels):
    """How strongly neighboring superpixels are bound by their mean colors (YCbCr, luma 16 to 235).

    Symmetric (n, n), 0 where two share no border.
    """
    n = labels.max() + 1
    count = np.bincount(labels.ravel())
    mean = np.stack([np.bincount(labels.ravel(), colors[..., c].ravel()) / count for c in range(3)], axis=1)
    pairs = [(labels[:, :-1].ravel(), labels[:, 1:].ravel()), (labels[:-1].ravel(), labels[1:].ravel())]
    touching = np.zeros((n, n), bool)
    for one, other in pairs:
        touching[one, other] = True
    i, j = np.nonzero(np.triu(touching | touching.T, k=1))
    bonds = np.zeros((n, n))
    if len(i):
        distance = np.linalg.norm(mean[i] - mean[j], axis=1)
        spread = max(np.ptp(distance), np.finfo(float).tiny)
        bonds[i, j] = np.exp(-CONTRAST * (distance - distance.min()) / spread) + np.finfo(float).eps
    return bonds + bonds.T


def propagate(values, known, bonds):
    """Give each superpixel the mean of the known values, weighted by (D - (1 - leak) W)^-1, the Laplacian's inverse.

    W are the bonds, D is the diagonal matrix of their sums. (n,), zero when nothing is known.
    """
    if not known.any():
        return np.zeros(len(values))
    if len(values) == 1:
        return values
    degree = bonds.sum(axis=1, keepdims=True)
    # Divided by D, the matrix has a diagonal of ones however weak the bonds are.
    affinity = np.linalg.inv(np.eye(len(values)) - (1 - LEAK) * bonds / degree) / degree.T
    affinity *= known
    return affinity @ values / affinity.sum(axis=1)
