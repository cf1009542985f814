"""How good is a fusion? Metrics without a truth (section 5.3).

A metric takes two sources and their fusion as 8 bit pictures, gray or RGB, and returns a float; it raises a ValueError
where one is not 8 bit, their sizes differ or are too small, or an option is unknown. `fusion_metrics` are the five that
give the digits of the paper's Table 3. For PSNR and SSIM see `skimage.metrics`.
"""

from lib.methods import Methods
from lib.metrics.qcb import qcb
from lib.metrics.qfmi import qfmi
from lib.metrics.qg import qg
from lib.metrics.qp import qp
from lib.metrics.qy import qy

__all__ = ["FUSION_METRICS", "METRICS", "fusion_metrics", "qcb", "qfmi", "qg", "qp", "qy"]

FUSION_METRICS = {"QG": qg, "QP": qp, "QY": qy, "QCB": qcb, "QFMI": qfmi}
"""The columns of Table 3."""
METRICS = Methods(__name__, first=FUSION_METRICS)
"""All scores of two sources and their fusion: the ``METHODS`` of each file of this package."""


def fusion_metrics(a, b, fused, flat="paper"):
    """The five metrics of the paper's Table 3; larger is better.

    Parameters
    ----------
    a, b : (H, W[, 3]) uint8 ndarray
        The two sources, gray or RGB, at least 31x31 pixels.
    fused : (H, W[, 3]) uint8 ndarray
        Their fusion.
    flat : {"paper", "equal", "exact"}
        What `qy` does about windows of one gray level. ``"paper"`` gives the digits of Table 3, but for most
        photos NaN or nonsense; compare methods by ``"exact"``.

    Returns
    -------
    dict of float
        QG, QP, QY, QCB, QFMI. NaN are QY as `qy` tells, and QP and QCB for images without any feature or
        contrast.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    >>> {name: round(value, 3) for name, value in fusion_metrics(noise, noise, noise).items()}
    {'QG': 0.987, 'QP': 0.782, 'QY': 1.0, 'QCB': 1.0, 'QFMI': 1.0}
    """
    options = {"QY": {"flat": flat}}
    return {name: metric(a, b, fused, **options.get(name, {})) for name, metric in FUSION_METRICS.items()}
