"""Measures the fusion methods: ``python -m lib.studies.fusion WHAT [PROFILE FILE]``, WHAT one of

table3
    The paper's Table 3 (needs the photo sets): data/results/local/table3.json.
lytro
    The same columns for all pairs and triples of the Lytro set (needs it): data/results/local/fusion_lytro.json.
rendered
    PSNR and SSIM on stacks whose truth is known: data/results/local/fusion_rendered.json.
"""

import functools
import hashlib
import itertools
import sys
import time

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lib import blur_map, fusion, images, paths, photos, pictures, refinement, scenes, storage
from lib.fusion import ifgd
from lib.metrics import fusion_metrics, qy
from lib.studies import records

MODELS = ("mobilenet_v2-lens", "mobilenet_v2-paper")
PAIRS = {
    "Cookie": ("lytro/pairs/lytro-03-A.jpg", "lytro/pairs/lytro-03-B.jpg"),
    "Flower": ("table3/flower/flower_A__sesf.png", "table3/flower/flower_B__sesf.png"),
    "Book": ("table3/book/book_A__mfifb.jpg", "table3/book/book_B__mfifb.jpg"),
}
"""The pairs of Table 3. Of Book there is only a copy that was encoded again: its digits cannot be the paper's."""
DATA = {
    "table3": "lytro-03 (Cookie), flower (lossless copy), book (copy encoded again as JPEG)",
    "lytro": "Lytro set: 20 pairs, 4 triples",
    "rendered": "motorcycle (scikit-image) and 8 scenes of Middlebury, rendered by lib.optics",
}


def table3():
    """Rows of the paper's Table 3 and of this book's fusion.

    Returns
    -------
    dict
        Scores by image and method. QY is as the paper has it, and "QY exact" without the rounding errors
        of flat windows, which make QY NaN for Book.
    """
    result = {}
    for name, files in PAIRS.items():
        stack = [_read(file) for file in files]
        result[name] = {
            method: fusion_metrics(*_levels(*stack, fused)) | {"QY exact": qy(*_levels(*stack, fused), flat="exact")}
            for method, fused in fuse_all(stack, paper_step=4, models=MODELS, for_table3=True).items()
        }
        print(name, result[name], flush=True)
    return result


def lytro(step=8):
    """Scores on the Lytro set.

    Parameters
    ----------
    step : int
        Of the windows of the paper's maps; its 4 makes four times the work.

    Returns
    -------
    dict
        Scores by "pairs" or "triples", number and method. QY is the exact one: the paper's is NaN for
        half of the pairs. The metrics know two sources: for a triple they are the means over its
        three pairs, which compares methods but cannot come near the values of pairs.
    """
    result = {"step": step, "pairs": {}, "triples": {}}
    for kind, letters in (("pairs", "AB"), ("triples", "ABC")):
        for number in range(1, 21 if kind == "pairs" else 5):
            stack = [_read(f"lytro/{kind}/lytro-{number:02d}-{letter}.jpg") for letter in letters]
            scores = {method: score(stack, fused) for method, fused in fuse_all(stack, paper_step=step).items()}
            result[kind][f"{number:02d}"] = scores
            print(kind, number, scores, flush=True)
    return result


def on_truth():
    """PSNR and SSIM against the photo that is sharp throughout, for stacks of two and of five frames.

    Returns
    -------
    dict
        Scores by number of frames, scene and method (the paper's maps have step 4 for two frames and 8
        for five), and under "labels" the part of the pixels that
        `lib.fusion.ours` takes from the wrong frame of two (where their sigmas differ by more than a
        pixel), with and without its maps, without and with noise.
    """
    result = {"2": {}, "5": {}, "labels": {}}
    for name in scenes.SCENES:
        image, depth = scenes.scene(name)
        for count in (2, 5):
            stack, sigmas = scenes.stack(image, depth, count)
            result[str(count)][name] = {
                method: against_truth(fused, image)
                for method, fused in fuse_all(stack, paper_step=4 if count == 2 else 8).items()
            }
            print(count, name, result[str(count)][name], flush=True)
            if count == 2:
                result["labels"][name] = {"0": _wrong_labels(stack, sigmas)}
        noisy, sigmas = scenes.stack(image, depth, noise=0.02)
        result["labels"][name]["0.02"] = _wrong_labels(noisy, sigmas)
        print(name, result["labels"][name], flush=True)
    return result


def _wrong_labels(stack, sigmas):
    nearer_is_sharp, clear = sigmas[0] < sigmas[1], np.abs(sigmas[0] - sigmas[1]) > 1
    maps = [blur_map_of(frame, MODELS[0], 8, "expected") for frame in stack]
    return {
        name: float(((fusion.defocus.decide(stack, each) == 0) != nearer_is_sharp)[clear].mean())
        for name, each in (("with maps", maps), ("without", None))
    }


def fuse_all(stack, paper_step, models=MODELS[:1], for_table3=False):
    """Fuse a stack with every method.

    Parameters
    ----------
    stack : list of (H, W, 3) ndarray
    paper_step : int
        Step of the windows of the paper's maps; those of `lib.fusion.ours` have 8.
    models : sequence of str
        Shipped networks that the paper's method is run with.
    for_table3 : bool
        Add the variants that only Table 3 has.

    Returns
    -------
    dict of (H, W, 3) ndarray
    """
    fused = {method: fusion.fuse(stack, method) for method in ("gff", "gfdf", "ifgd")}
    if for_table3:
        fused["gff-table3"] = fusion.fuse(stack, "gff-table3")
        fused["ifgd, Poisson"] = fusion.fuse(stack, "ifgd", reconstruct=ifgd.poisson)
    for model in models:
        maps = [refinement.refine(blur_map_of(frame, model, paper_step, "hard"), frame) for frame in stack]
        fused["paper" if model == MODELS[0] else f"paper, {model}"] = fusion.fuse(stack, "paper", blur_maps=maps)
    maps = [blur_map_of(frame, MODELS[0], 8, "expected") for frame in stack]
    fused["defocus, no maps"] = fusion.fuse(stack, "defocus")
    fused["defocus"] = fusion.fuse(stack, "defocus", blur_maps=maps)
    return fused


def blur_map_of(frame, model, step, labels):
    """`lib.blur_map.estimate`, kept in a file under _build, so that a second run does not repeat the network's work."""
    key = hashlib.sha256(frame.tobytes() + _code(model).encode()).hexdigest()[:24]
    cached = paths.BUILD / "fusion_maps" / f"{key}-{step}-{labels}.npy"
    if not cached.exists():
        with storage.whole(cached) as file:
            np.save(file, blur_map.estimate(frame, model, step, labels))
    return np.load(cached)


@functools.cache
def _code(model):
    """A hash of what maps frames: the code and the weights."""
    return records.inputs_hash(inputs=("lib", f"data/weights/{model}.keras"))


def score(stack, fused):
    """The five metrics of a stack: means over all pairs of frames, QY exact.

    Parameters
    ----------
    stack : list of (H, W, 3) ndarray
    fused : (H, W, 3) ndarray

    Returns
    -------
    dict of float
    """
    of_pairs = [fusion_metrics(*_levels(a, b, fused), flat="exact") for a, b in itertools.combinations(stack, 2)]
    return {name: float(np.mean([scores[name] for scores in of_pairs])) for name in of_pairs[0]}


def _levels(*pictures):
    return [images.to_uint8(picture) for picture in pictures]


def against_truth(fused, truth):
    """PSNR in dB and SSIM of a picture in [0, 1]."""
    return {
        "PSNR": float(peak_signal_noise_ratio(truth, fused, data_range=1.0)),
        "SSIM": float(structural_similarity(truth, fused, channel_axis=2, data_range=1.0)),
    }


def _read(name):
    return pictures.read(photos.file(name)).pixels


TARGETS = {
    "table3": (table3, "table3.json"),
    "lytro": (lytro, "fusion_lytro.json"),
    "rendered": (on_truth, "fusion_rendered.json"),
}


def main(what, profile="local", output=None):
    """Measure and record one of `TARGETS`; the same whatever the profile."""
    measure, file = TARGETS[what]
    start = time.perf_counter()
    result = measure()
    seconds = time.perf_counter() - start
    path = output or paths.RESULTS / profile / file
    records.write(path, result, profile=profile, data=DATA[what], seed=0, seconds=seconds)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m lib.studies.fusion {{{'|'.join(TARGETS)}}} [PROFILE [FILE]]")
    main(*sys.argv[1:])
