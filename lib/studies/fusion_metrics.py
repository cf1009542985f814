"""What the fusion metrics reward: fusions of pairs whose truth is known, and QY's three ways with flat windows."""

from dataclasses import replace

import numpy as np
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lib import images, metrics, optics, photos, scenes
from lib.guided_filter import box_mean
from lib.studies import public_sets
from lib.studies.register import study

PART = np.s_[80:336, 150:406]
"""Of each scene."""
SIGMA = 4
"""The greatest blur in a pair, pixels."""
RADII = (1, 2, 4, 8, 16)
"""Of the windows in which detail is compared."""


def by_detail(a, b, radius=8):
    """Each pixel from the source that has more detail around it."""
    detail_a, detail_b = (box_mean(np.abs(ndimage.laplace(images.to_gray(x))), radius) for x in (a, b))
    return np.where((detail_a > detail_b)[..., None], a, b)


def rendered(image, depth):
    """A scene photographed twice, focused in front and at the back.

    Parameters
    ----------
    image : (H, W, 3) ndarray
        In [0, 1].
    depth : (H, W) ndarray
        Metres.

    Returns
    -------
    list of ((H, W, 3) ndarray, (H, W) ndarray)
        Each picture and its sigma, pixels.
    """
    front, back = (float(d) for d in np.percentile(depth, (5, 95)))
    wide = optics.Camera(
        focal_length=0.05, f_number=1, focus_distance=front, sensor_width=0.036, image_width=image.shape[1]
    )
    f_number = float(optics.sigma_map(depth, wide).max()) / SIGMA
    cameras = (replace(wide, f_number=f_number, focus_distance=distance) for distance in (front, back))
    return [optics.render_defocus(image, depth, camera) for camera in cameras]


def fusions(pair):
    """Ten fusions of `rendered`, from poor to very good, the two sources among them: pictures by name."""
    (a, sigma_a), (b, sigma_b) = pair
    made = {"front": a, "back": b, "mean": (a + b) / 2, "maximum": np.maximum(a, b)}
    made |= {f"detail, r = {radius}": by_detail(a, b, radius) for radius in RADII}
    return made | {"true sigma": np.where((sigma_a < sigma_b)[..., None], a, b)}


def scores(made, truth):
    """The metrics of each fusion, and how near it is to the truth; the metrics of the truth.

    Parameters
    ----------
    made : dict of str to (H, W, 3) ndarray
        Of `fusions`.
    truth : (H, W, 3) ndarray

    Returns
    -------
    dict of str to dict of str to float
    """
    made = {rule: images.to_uint8(picture) for rule, picture in (made | {"truth": truth}).items()}
    found = {
        rule: metrics.fusion_metrics(made["front"], made["back"], picture, flat="exact")
        for rule, picture in made.items()
    }
    for rule in [rule for rule in made if rule != "truth"]:
        found[rule] |= {
            "PSNR": float(peak_signal_noise_ratio(made["truth"], made[rule])),
            "SSIM": float(structural_similarity(made["truth"], made[rule], channel_axis=2)),
        }
    return found


@study("fusion_metrics", minutes=(0.5, 3, 3), data="")
def measure(job):
    """Fusions of rendered pairs by metric and by truth; QY on the Lytro pairs with flat windows in three ways."""
    job.data = "a part of the motorcycle"
    if job.profile != "quick":
        job.data = "20 Lytro pairs; motorcycle and 8 Middlebury scenes"
    lytro = [
        [None if np.isnan(value) else value for value in _three_ways(*sources)] for sources in job.some(_sources(job))
    ]
    of_scenes = {}
    for name, (image, depth) in job.some(_scenes(job)):
        image, depth = image[PART], depth[PART]
        of_scenes[name] = scores(fusions(rendered(image, depth)), image)
        job.say(f"{name} {of_scenes[name]}")
    return {"lytro": lytro, "scenes": of_scenes}


def _three_ways(a, b):
    """QY of a fusion by detail, as the paper has it, without 0 / 0, and without rounding errors."""
    sources = [images.to_uint8(x) for x in (a, b, by_detail(a, b))]
    return [metrics.qy(*sources, flat=flat) for flat in ("paper", "equal", "exact")]


def _sources(job):
    """The pairs of the Lytro set; at quick one that is rendered, without and with a flat corner."""
    if job.profile == "quick":
        sources = [picture for picture, _ in rendered(*(each[PART] for each in scenes.motorcycle()))]
        yield sources
        corner = np.ones_like(sources[0])
        corner[:40, :40] = 0
        yield [picture * corner for picture in sources]
        return
    for pair in range(1, 21):
        yield [images.read(photos.file(f"lytro/pairs/lytro-{pair:02d}-{x}.jpg")) for x in "AB"]


def _scenes(job):
    yield "motorcycle", scenes.motorcycle()
    if job.profile != "quick":
        for name in public_sets.SCENES[1:]:
            image, disparity = public_sets.middlebury(name)
            yield name, (image, 100 / disparity)
