"""One pass: a photo in, sigma and how sure it is out.

`estimate` is what users call; it imports no TensorFlow. The other modules are the network (`network`), what it was
trained on (`kernels`, `scenes`, `degrade`) and how (`trainer`), and its file for other programs (`export`).
"""

from lib.one_pass.use import estimate, installed

__all__ = ["estimate", "installed"]
