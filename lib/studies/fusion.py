"""The fusion methods side by side: the paper's Table 3, the Lytro set, and stacks whose truth is known.

The quick profile, which has no photo set, takes stacks that are rendered from a part of the motorcycle instead.
"""

import functools
import itertools

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from lib import blur_map, fusion, images, photos, refinement, scenes
from lib.fusion import ifgd
from lib.metrics import fusion_metrics, qy
from lib.studies import public_sets
from lib.studies.register import study

MODELS = ("mobilenet_v2-lens", "mobilenet_v2-paper")
PAIRS = {
    "Cookie": ("lytro/pairs/lytro-03-A.jpg", "lytro/pairs/lytro-03-B.jpg"),
    "Flower": ("table3/flower/flower_A__sesf.png", "table3/flower/flower_B__sesf.png"),
    "Book": ("table3/book/book_A__mfifb.jpg", "table3/book/book_B__mfifb.jpg"),
}
"""The pairs of Table 3. Of Book there is only a copy that was encoded again: its digits cannot be the paper's."""
NEEDS = tuple(f"train_{model}" for model in MODELS)
STAND_INS = {"Cookie": 5.0, "Flower": 3.0, "Book": 8.0}
"""What takes the pairs' place in the quick profile: rendered ones, by the `spread` of `scenes.stack`."""


@study("table3", minutes=(1, 12, 5), data="", needs=NEEDS, gpu=True)
def table3(job):
    """Rows of the paper's Table 3 and of this book's fusion.

    Returns
    -------
    dict
        Scores by image and method. QY is as the paper has it, and "QY exact" without the rounding errors
        of flat windows, which make QY NaN for Book.
    """
    job.data = "lytro-03 (Cookie), flower (lossless copy), book (copy encoded again as JPEG)"
    if job.profile == "quick":
        job.data = "stand-ins for Cookie, Flower and Book: pairs rendered from a part of the motorcycle"
    return {name: job.kept(name, lambda stack=stack: _row_of_table3(stack)) for name, stack in _pairs(job)}


def _row_of_table3(stack):
    return {
        method: fusion_metrics(*_levels(*stack, fused)) | {"QY exact": qy(*_levels(*stack, fused), flat="exact")}
        for method, fused in fuse_all(stack, paper_step=4, models=MODELS, for_table3=True).items()
    }


def _pairs(job):
    if job.profile == "quick":
        yield from ((name, _rendered(2, spread)) for name, spread in STAND_INS.items())
        return
    for name, files in PAIRS.items():
        yield name, [_read(job, file) for file in files]


QUICK_PART = np.s_[120:280, 300:500]


def _rendered(count, spread=5.0):
    """A stack of the part of the motorcycle that is enough for the quick profile."""
    image, depth = (each[QUICK_PART] for each in scenes.motorcycle())
    return scenes.stack(image, depth, count, spread)[0]


LYTRO_STEP = 8
"""Of the windows of the paper's maps on the Lytro set; its 4 makes four times the work."""


@study("fusion_lytro", minutes=(1, 45, 20), data="", needs=NEEDS[:1], gpu=True)
def lytro(job):
    """Scores on the Lytro set: 20 pairs and 4 triples.

    Returns
    -------
    dict
        Scores by "pairs" or "triples", number and method. QY is the exact one: the paper's is NaN for
        half of the pairs. The metrics know two sources: for a triple they are the means over its
        three pairs, which compares methods but cannot come near the values of pairs.
    """
    job.data = "stacks rendered from a part of the motorcycle" if job.profile == "quick" else "Lytro set"
    result = {"step": LYTRO_STEP, "pairs": {}, "triples": {}}
    for kind, letters in (("pairs", "AB"), ("triples", "ABC")):
        for number in [1] if job.profile == "quick" else job.some(range(1, 21 if kind == "pairs" else 5)):
            stack = _rendered(len(letters))
            if job.profile != "quick":
                stack = [_read(job, f"lytro/{kind}/lytro-{number:02d}-{letter}.jpg") for letter in letters]
            scores = job.kept(f"{kind}-{number}", lambda stack=stack: _scores(stack))
            result[kind][f"{number:02d}"] = scores
            job.say(f"{kind} {number} {scores}")
    return result


def _scores(stack):
    return {method: score(stack, fused) for method, fused in fuse_all(stack, paper_step=LYTRO_STEP).items()}


@study("fusion_rendered", minutes=(1, 40, 20), data="", needs=NEEDS[:1], gpu=True)
def on_truth(job):
    """PSNR and SSIM against the photo that is sharp throughout, for stacks of two and of five frames.

    Returns
    -------
    dict
        Scores by number of frames, scene and method (the paper's maps have step 4 for two frames and 8
        for five), and under "labels" the part of the pixels that
        `lib.fusion.ours` takes from the wrong frame of two (where their sigmas differ by more than a
        pixel), with and without its maps, without and with noise.
    """
    names = public_sets.SCENES[:1] if job.profile == "quick" else job.some(public_sets.SCENES)
    job.data = f"{', '.join(names)}{', a part of it' * job.small}, rendered by lib.optics"
    result = {"2": {}, "5": {}, "labels": {}}
    for name in names:
        image, depth = public_sets.scene(name)
        if job.small:
            image, depth = image[QUICK_PART], depth[QUICK_PART]
        for part, scores in job.kept(name, lambda image=image, depth=depth: _on_scene(image, depth)).items():
            result[part][name] = scores
        job.say(f"{name} {result['labels'][name]}")
    return result


def _on_scene(image, depth):
    result = {}
    for count in (2, 5):
        stack, sigmas = scenes.stack(image, depth, count)
        fused = fuse_all(stack, paper_step=4 if count == 2 else 8)
        result[str(count)] = {method: against_truth(picture, image) for method, picture in fused.items()}
        if count == 2:
            result["labels"] = {"0": _wrong_labels(stack, sigmas)}
    result["labels"]["0.02"] = _wrong_labels(*scenes.stack(image, depth, noise=0.02))
    return result


def _wrong_labels(stack, sigmas):
    nearer_is_sharp, clear = sigmas[0] < sigmas[1], np.abs(sigmas[0] - sigmas[1]) > 1
    maps = [blur_map_of(frame, MODELS[0], 8, "expected") for frame in stack]
    return {
        name: float(((fusion.ours.decide(stack, each) == 0) != nearer_is_sharp)[clear].mean())
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
    by_maps = fusion.METHODS.taking("blur_maps")
    without = [name for name in fusion.METHODS if name not in by_maps and (for_table3 or name != "gff-table3")]
    fused = {method: fusion.fuse(stack, method) for method in without}
    if for_table3:
        fused["ifgd, Poisson"] = fusion.fuse(stack, "ifgd", reconstruct=ifgd.poisson)
    for model in models:
        maps = [refinement.refine(blur_map_of(frame, model, paper_step, "hard"), frame) for frame in stack]
        fused["paper" if model == MODELS[0] else f"paper, {model}"] = fusion.fuse(stack, "paper", blur_maps=maps)
    maps = [blur_map_of(frame, MODELS[0], 8, "expected") for frame in stack]
    fused["defocus, no maps"] = fusion.fuse(stack, "defocus")
    return fused | {name: fusion.fuse(stack, name, blur_maps=maps) for name in by_maps if name != "paper"}


def blur_map_of(frame, model, step, labels):
    """`lib.blur_map.estimate`, which methods share: a second call with the same frame does not repeat the work."""
    return _blur_map(frame.tobytes(), frame.shape, frame.dtype.str, model, step, labels)


@functools.lru_cache(maxsize=16)
def _blur_map(pixels, shape, kind, model, step, labels):
    return blur_map.estimate(np.frombuffer(pixels, kind).reshape(shape), model, step, labels)


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


def _read(job, name):
    pixels = images.read(photos.file(name))
    return pixels[:160, :200] if job.small else pixels
