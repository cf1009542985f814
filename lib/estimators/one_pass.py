"""The book's one-pass network: the whole photo in, sigma for each pixel out."""

from lib import one_pass
from lib.estimators._method import Method

METHOD = Method(title="one pass", unit="sigma", blurrier="larger")


def estimate(image, filled=True, engine=None):
    """Estimate the defocus map of a photo in one pass, see `lib.one_pass.estimate`.

    Parameters
    ----------
    image : (H, W[, 3]) float32 ndarray in [0, 1]
    filled : bool
        Fill the map where the network is unsure.
    engine : {"onnx", "openvino", "keras"}, optional
        What runs the network.

    Returns
    -------
    (H, W) float32 ndarray
        Sigma in pixels, 0 to 19.
    """
    return one_pass.estimate(image, filled=filled, engine=engine)
