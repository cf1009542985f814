"""Sphinx extension: what the page "Try it" loads, the repository's network and photos."""

import gzip
import json
import shutil
from pathlib import Path

import cv2

from lib import filling, paths
from lib.one_pass import interval, sizes, weights

SAMPLES = ("dog", "bulb", "sumac", "flowers")
SMALL = 192
"""Side of the pictures on the buttons, pixels."""
CONSTANTS = {
    sizes: ("REDUCTIONS", "LEAST_WIDTH", "TOO_FINE", "NEAR_FOCUS", "GREATEST_SIGMA"),
    interval: ("NARROWER", "HALF_WEIGHT", "HALF_KEPT"),
    filling: ("PIXELS", "RADIUS", "EPSILON"),
}
"""By module; the page computes the same."""


def add_files(static):
    """Put the network and the samples beside the page's code, in the folder of a site's static files."""
    folder = Path(static) / "try_it"
    (folder / "one_pass.onnx.gz").write_bytes(gzip.compress(weights.shipped(".onnx").read_bytes(), mtime=0))
    constants = {name: getattr(module, name) for module, names in CONSTANTS.items() for name in names}
    (folder / "constants.json").write_text(json.dumps(constants))
    for name in SAMPLES:
        photo = paths.DATA / "photos" / "gb82" / f"{name}.png"
        shutil.copyfile(photo, folder / photo.name)
        small = cv2.resize(cv2.imread(str(photo)), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{name}-small.jpg"), small)


def finish(app, exception):
    """After a build of the pages, not of the reports."""
    if exception is None and app.builder.format == "html":
        add_files(Path(app.outdir) / "_static")


def setup(app):
    """Called by Sphinx."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
