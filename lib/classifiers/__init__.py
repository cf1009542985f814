"""Networks that put a 32x32 gray patch into one of 20 blur levels (section 3.1).

One network per file; ``build(name)`` makes an untrained one, ``load(name)`` opens shipped weights.
Every network takes (N, 32, 32, 1) float32 in [0, 1] and returns (N, 20) probabilities.
"""

from lib.classifiers.core import NETWORKS, ModelError, build, load, save, shipped

__all__ = ["NETWORKS", "ModelError", "build", "load", "save", "shipped"]
