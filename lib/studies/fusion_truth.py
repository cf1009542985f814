"""What the fusion metrics say beside the truth, by kind of truth; errors at edges in depth, and seams.

A composite by a mask can be put together exactly. In a rendered pair the blur of what is in front hides what is
behind it: no frame shows it.
"""

import itertools
import tempfile
from pathlib import Path

import cv2
import numpy as np
from scipy import stats

from lib import fusion, images, metrics, optics, scenes
from lib.studies import enfuse, public_sets
from lib.studies.fusion import QUICK_PART, against_truth
from lib.studies.register import study

NOISE = 0.02
"""Standard deviation of the noise of rendered pairs, in units of the picture."""
CAP = 60.0
"""Highest PSNR that counts, dB: some composites are put together to the last bit."""
EDGE, BAND = 1.0, 8
"""Jump of sigma at an edge in depth, and how far around it an error counts as near, pixels."""
EXPOSURE = np.float32([0.85, 0.9, 0.95])
"""Light of the second frame, in red, green and blue, where seams are looked for: darker, and of another white."""
TRUTHS = "PSNR", "SSIM"


def methods():
    """The fusion methods that need no blur maps."""
    need_maps = set(fusion.METHODS.taking("blur_maps")) - {"defocus"}
    return [name for name in fusion.METHODS if name not in need_maps]


@study("fusion_truth", minutes=(1, 20, 20), data="")
def on_kinds_of_truth(job):
    """Scores without truth, PSNR and SSIM of every method that needs no maps; errors at edges; seams.

    Returns
    -------
    dict
        Of each pair its "kind" (composite, rendered, or rendered with noise) and the "scores" of each method. Rendered
        pairs have "edges", too: the mean absolute error near edges in depth, and away from them; and "seam": the mean
        change along the borders of the decision if the second frame is darker and ``defocus fuse`` matches it. All
        in gray levels.
    """
    job.data = "the motorcycle, a part of it"
    if job.profile != "quick":
        job.data = f"nyu_pairs; {', '.join(public_sets.SCENES)}, rendered without and with noise of {NOISE}"
    return {name: job.kept(name, make) for name, make in job.some(_pairs(job.profile), least=3)}


def _pairs(profile):
    if profile == "quick":
        image, depth = (each[QUICK_PART] for each in scenes.motorcycle())
        _, (near, far) = scenes.stack(image, depth)
        blurred = cv2.GaussianBlur(image, (0, 0), 3)
        frames = [np.where((near < far)[..., None] == first, image, blurred) for first in (True, False)]
        yield "composite", lambda: {"kind": "composite", "scores": scores(frames, image)}
        for noise in (0.0, NOISE):
            yield f"rendered-{noise:g}", lambda noise=noise: _rendered(image, depth, noise)
        return
    for name, number in itertools.zip_longest(public_sets.SCENES, range(1, public_sets.NYU_PAIRS + 1)):
        for noise in (0.0, NOISE) if name else ():
            yield f"{name}-{noise:g}", lambda name=name, noise=noise: _rendered(*public_sets.scene(name), noise)
        yield f"nyu-{number}", lambda n=number: {"kind": "composite", "scores": scores(*public_sets.nyu_pair(n))}


def _rendered(image, depth, noise):
    frames, sigmas = scenes.stack(image, depth, noise=noise)
    found = {"kind": "rendered, noise" if noise else "rendered", "scores": scores(frames, image)}
    if noise:
        return found
    near = near_edges(sigmas[0])
    found["edges"] = {}
    for method in methods():
        error = 255 * np.abs(fusion.fuse(frames, method) - image).mean(axis=2)
        found["edges"][method] = [float(error[near].mean()), float(error[~near].mean())]
    return found | {"seam": _seam(frames)}


def _seam(frames):
    darker = optics.to_srgb(EXPOSURE * optics.to_light(frames[1]))
    even, matched = _by_command(frames), _by_command([frames[0], darker])
    border = cv2.morphologyEx(np.uint8(fusion.ours.decide(frames)), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return float(255 * np.abs(matched - even)[border].mean())


def _by_command(frames):
    """What ``defocus fuse`` makes of frames."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.png" for number in range(len(frames) + 1)]
        for file, frame in zip(files[1:], frames, strict=True):
            cv2.imwrite(str(file), images.to_uint8(frame)[..., ::-1])
        enfuse.run(enfuse.commands(files[1:], files[0], enfuse.FAST)[enfuse.FAST[0]])
        return images.read(files[0])


def near_edges(sigma):
    """Pixels that are near an edge in depth, where sigma jumps.

    Parameters
    ----------
    sigma : (H, W) float32 ndarray
        Pixels.

    Returns
    -------
    (H, W) bool ndarray

    Examples
    --------
    >>> near_edges(np.repeat(np.float32([[0, 3]]), 20, axis=1))[0].sum()
    np.int64(18)
    """
    jumps = cv2.morphologyEx(sigma, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > EDGE
    return cv2.dilate(np.uint8(jumps), np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)) > 0


def scores(frames, truth):
    """All metrics of each method's fusion of a pair, and how near it comes to the truth.

    Parameters
    ----------
    frames : list of 2 (H, W, 3) ndarray
    truth : (H, W, 3) ndarray

    Returns
    -------
    dict of str to dict of str to float
    """
    a, b = map(images.to_uint8, frames)
    found = {}
    for method in methods():
        picture = fusion.fuse(frames, method)
        fused = images.to_uint8(picture)
        found[method] = {
            name: float(metric(a, b, fused, **({"flat": "exact"} if name == "QY" else {})))
            for name, metric in metrics.METRICS.items()
        }
        with np.errstate(divide="ignore"):  # of what is put together exactly
            found[method] |= against_truth(picture, truth)
        found[method]["PSNR"] = min(CAP, found[method]["PSNR"])
    return found


def rank_correlations(pairs):
    """Spearman's rank correlation over the methods, pair by pair; pairs where it is not defined are left out.

    Parameters
    ----------
    pairs : iterable of dict
        The study's, of one kind.

    Returns
    -------
    dict of (str, str) to list of float
        By metric and truth.
    """
    found = {}
    for pair in pairs:
        rows = list(pair["scores"].values())
        for metric in rows[0].keys() - set(TRUTHS):
            for truth in TRUTHS:
                values = [[row[key] for row in rows] for key in (metric, truth)]
                if all(len(set(each)) > 1 for each in values):
                    found.setdefault((metric, truth), []).append(float(stats.spearmanr(*values).statistic))
    return found
