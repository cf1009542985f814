"""What this book has to say to each claim of the paper: how its value is read, by profile.

Numbers come from the records of a profile, ``data/results/PROFILE``; settings and equations from the code. What is
judged by eye, and what cannot be done here, has no entry; `lib.studies.scoreboard` takes that
from ``data/paper/claims.csv``.
"""

import functools
import inspect
import math

import numpy as np

from lib import blur_map, dataset, enhancement, estimators, fusion, optics, patches, refinement
from lib.enhancement import FIGURE_10, FIGURE_11
from lib.enhancement.unsharp_mask import low_pass
from lib.estimators import entropy, fdm, laplacian_variance, lbp, ours, standard_deviation, zhuo_sim
from lib.shallow_focus import paper as shallow_focus
from lib.shallow_focus import weights
from lib.studies import comparisons, fusion_truth, profiles, records, table_2
from lib.studies import enhancement as enhancement_study

NETWORKS = ("mobilenet_v2", "efficientnet_b0", "nasnet_mobile", "densenet121", "shufflenet_v2")
METRICS = ("QG", "QP", "QY", "QCB", "QFMI")
OURS = "mobilenet_v2-lens"
"""The estimator that stands for the paper's in comparisons."""
OTHERS = ("entropy", "standard_deviation", "laplacian_variance", "lbp", "zhuo_sim", "fdm")
MORE_NOISE = 1.1
"""Noise that has grown by less has not been sharpened."""
MUCH_MORE_NOISE = 1.5


# From records


def _result(name, profile):
    return records.read(name, profile)["result"]


def _paper_training(profile):
    """The record of the network trained on the paper's reading of the data."""
    return records.read("train_mobilenet_v2-paper", profile)


def _samples(profile, *splits):
    samples = _paper_training(profile)["data"]["samples"]
    return sum(samples[split] for split in splits)


def _recipe(profile):
    return _paper_training(profile)["result"]["recipe"]


def _epochs(profile):
    return _paper_training(profile)["result"]["samples_seen"] / _samples(profile, "train")


def _readings_are_alike(profile):
    """A network trained and tested on one reading of "filter the patch": is it nearly as good as the best of all?"""
    matrix = _result("kernel_support_spectrum_net_wide", profile)["matrix"]
    accuracy = [matrix[reading][reading]["accuracy"] for reading in matrix]
    return [each > 0.9 * max(accuracy) for each in accuracy]


def _table_2(network, profile):
    """The training that stands for a row of Table 2: a short one, or at ``full`` the paper's own."""
    return _result(f"table_2_{network}", profile)


def _scores(network, measure, profile):
    """Training, validation and test accuracy or loss at the end of a training."""
    result = _table_2(network, profile)
    last = result["history"][-1]
    return [last[f"train_{measure}"], last[f"validation_{measure}"], result["test"][measure]]


def _megabytes(network, profile):
    return _result("networks", profile)["networks"][network]["megabytes_in_training"]


def _trainings(profile):
    """Of the five networks on the paper's reading, as `table_2.by_budget` takes them."""
    for network in NETWORKS:
        for name in (f"seeds_{network}", f"table_2_{network}", f"train_{network}-paper"):
            yield network, records.recorded(name, profile)


def _mobilenet_beats(profile):
    pairs = table_2.at_equal_budgets("mobilenet_v2", NETWORKS[1:], _trainings(profile))
    return [own > other for own, other in pairs]


def _shufflenet_loses(profile):
    pairs = table_2.at_equal_budgets("shufflenet_v2", NETWORKS[:-1], _trainings(profile))
    return [own < other for own, other in pairs]


def _larger_patches_help(profile):
    larger, same = _result("larger_patches", profile), _result("seeds_shufflenet_v2", profile)
    return [larger["test"]["accuracy"] > row["test"]["accuracy"] for row in same["rows"]]


def _mobilenet_is_cheap(profile):
    costs = _result("networks", profile)["networks"]
    own = costs["mobilenet_v2"]
    return [
        cheaper
        for other in (costs[name] for name in NETWORKS[1:])
        for cheaper in (
            own["macs"] < other["macs"],
            own["megabytes_in_training"] < other["megabytes_in_training"],
            own["patches_per_cpu_second"] > other["patches_per_cpu_second"],
        )
    ]


def _beats(others, profile):
    """Is our mean error on rendered scenes lower than each other's, and our ROC area on masks larger?"""
    scenes = comparisons.table(_result("comparison_scenes", profile)["rows"], ["all.mae"])
    masks = comparisons.table(_result("comparison_masks", profile)["rows"], ["auc"])
    errors = [scenes[OURS]["all.mae"] < scenes[other]["all.mae"] for other in others]
    return errors + [masks[OURS]["auc"] > masks[other]["auc"] for other in others]


def _beats_the_constant(profile):
    """On each rendered scene, is our error lower than that of an answer without looking?"""
    error = {(row["scene"], row["method"]): row["all"]["mae"] for row in _result("comparison_scenes", profile)["rows"]}
    return [error[scene, OURS] < error[scene, "constant"] for scene, method in error if method == OURS]


def _gaussians_explain(profile):
    """In each window of a camera's photos: does a Gaussian explain 95 % of the variance of the light?"""
    scenes = _result("camera", profile)["windows"].values()
    return [row["gaussian_residue"] < 0.05 for windows in scenes for row in windows]


def _beats_on_camera(others, profile):
    """Is our mean error on a camera's photos lower than each other's?"""
    means = comparisons.table(_result("camera", profile)["rows"], ["mae"])
    return [means[OURS]["mae"] < means[other]["mae"] for other in others]


def _fdm_is_faster(profile):
    rows = _result("comparison_cost", profile)["rows"]
    seconds = {(row["method"], row["asked"]): row["processor_seconds"] for row in rows}
    return [seconds["fdm", size] < seconds["zhuo_sim", size] for method, size in seconds if method == "fdm"]


def _photos(measures, methods, holds, kind="real"):
    """A reader: for each photo of the sharpening study, does `holds` for the values of `methods`?

    `measures` are tried in turn; photos without any of them are left out.
    """

    def read(profile):
        found = []
        for rows in _result("enhancement", profile)[kind].values():
            measure = next((name for name in measures if all(name in rows[method] for method in methods)), None)
            if measure:
                found.append(holds(*(rows[method][measure] for method in methods)))
        return found

    return read


BACKGROUND = ("noise, marked", "noise, blurred")


def _smaller(a, b):
    return a < b


def _table_3(image, method, profile):
    """The five scores; QY exactly where the paper's toolbox gives no number."""
    if profile == "quick":
        msg = "The quick profile has stand-ins for the photos of Table 3."
        raise FileNotFoundError(msg)
    found = dict(_result("table3", profile)[image][method])
    if math.isnan(found["QY"]):
        found["QY"] = found["QY exact"]
    return [found[metric] for metric in METRICS]


def _against(method, holds, profile):
    """`holds` for each of our 15 scores of Table 3 and that of another method?"""
    pairs = [
        pair
        for image in ("Cookie", "Book", "Flower")
        for pair in zip(_table_3(image, "paper", profile), _table_3(image, method, profile), strict=True)
    ]
    return [bool(holds(*pair)) for pair in pairs]


def _against_truth(profile):
    """PSNR and SSIM of the paper's fusion and of GFDF where the truth is known: are they within 1 %?"""
    rendered = _result("fusion_rendered", profile)
    scores = [methods for count in ("2", "5") for methods in rendered[count].values()]
    return [
        bool(abs(methods["paper"][score] - methods["gfdf"][score]) < 0.01 * methods["gfdf"][score])
        for methods in scores
        for score in fusion_truth.TRUTHS
    ]


def _scores_follow_truth(profile):
    """For each pair with a truth and each of the five scores: does it rank the methods as PSNR does?"""
    ranks = fusion_truth.rank_correlations(_result("fusion_truth", profile).values())
    return [rank > 0.5 for metric in METRICS for rank in ranks.get((metric, "PSNR"), ())]


def _more_contrast_than_ifgd(profile):
    return [pair["paper"]["QCB"] > pair["ifgd"]["QCB"] for pair in _result("fusion_lytro", profile)["pairs"].values()]


# From the code


def _defaults(function, *names):
    """A reader: what a function does unless told otherwise, whatever the profile."""
    parameters = inspect.signature(function).parameters
    return lambda profile: _flat(parameters[name].default for name in names)


def _flat(values):
    return [each for value in values for each in (value if isinstance(value, tuple) else (value,))]


@functools.cache
def _adam():
    from lib.training import (
        recipes,
        trainer,  # imports TensorFlow
    )

    optimizer = trainer.prepare("spectrum_net", recipes.RECIPES["full"], 1).optimizer
    return [optimizer.beta_1, optimizer.beta_2, optimizer.epsilon]


def _circles_of_confusion(profile):
    camera = optics.Camera(focal_length=0.05, f_number=2, focus_distance=2, sensor_width=0.036, image_width=4000)
    wider = optics.Camera(focal_length=0.05, f_number=1, focus_distance=2, sensor_width=0.036, image_width=4000)
    behind, before = np.geomspace(2, 50, 20), np.geomspace(2, 0.5, 20)
    return [
        bool(np.allclose(optics.circle_of_confusion(behind, wider), 2 * optics.circle_of_confusion(behind, camera))),
        *(bool((np.diff(optics.circle_of_confusion(side, camera)) > 0).all()) for side in (behind, before)),
    ]


def _mean_of_answers(profile):
    """Eq. 6 written out, for a small picture of random answers."""
    shape, step = (50, 70), 16
    rows, columns = (range(0, length, step) for length in shape)
    answers = np.random.default_rng(0).integers(0, patches.LEVELS, (len(rows), len(columns)))
    total, count = np.zeros(shape), np.zeros(shape)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = np.s_[row : row + patches.SIZE, column : column + patches.SIZE]
            total[window] += answers[i, j]
            count[window] += 1
    M = blur_map.average(np.float32(answers), shape, step)
    return [bool(np.allclose(M, total / count, atol=1e-4)), bool(M.min() >= 0 and M.max() <= patches.LEVELS - 1)]


def _unsharp(profile):
    image = 0.3 + 0.4 * np.random.default_rng(0).random((40, 50), np.float32)
    return [
        bool(np.allclose(enhancement.unsharp_mask(image, 0.1), image + 0.1 * (image - low_pass(image, 3.0)), atol=1e-6))
    ]


def _sigmoids(profile):
    M, found = np.linspace(0, 1, 96), []
    for c in (FIGURE_10, FIGURE_11):
        rise = 1 / (1 + np.exp(-c.alpha1 * (M - c.beta1)))
        fall = 1 - 1 / (1 + np.exp(-c.alpha2 * (M - c.beta2)))
        found.append(bool(np.allclose(enhancement.gain(19 * M, c), c.strength * rise * fall, atol=1e-4)))
    return found


def _half_gain(profile):
    at = [(curve, beta) for curve in (FIGURE_10, FIGURE_11) for beta in (curve.beta1, curve.beta2)]
    return [bool(abs(enhancement.gain(19 * beta, curve) / curve.strength - 0.5) < 0.01) for curve, beta in at]


def _mixture(profile):
    image, S, B, W = np.random.default_rng(0).random((4, 30, 40), np.float32)
    return [bool(np.allclose(shallow_focus.combine(image, W, S, B), W * S + (1 - W) * B, atol=1e-6))]


def _equation_12(M):
    """W as printed, with the text's example."""
    sigma, gamma = weights.solve(c0=1, c1=7, W0=0.999, W1=0.001)
    return 1 - np.exp(-((np.abs(M - 10.0) / sigma) ** gamma))


def _fused_weights(profile):
    """Eqs. 14 and 16 on random maps and frames."""
    maps, frames = np.random.default_rng(0).random((2, 3, 40, 50))
    lowest = np.stack(list(fusion.paper.decisions(maps))) == (maps == maps.min(axis=0))
    return [bool(lowest.all()), bool(np.allclose(fusion.paper.weights(frames, maps).sum(axis=0), 1))]


def _of(curve, *names):
    return lambda profile: [getattr(curve, name) for name in names]


def _lbp(options):
    return lambda profile: _flat((options["threshold"], options["sizes"], options["beta"]))


READERS = {
    "eq-1-2": _circles_of_confusion,
    "eq-3-camera": _gaussians_explain,
    "levels": lambda profile: patches.LEVELS,
    "patch-size": lambda profile: patches.SIZE,
    "threshold": profiles.threshold,
    "photos": lambda profile: _paper_training(profile)["data"]["photos"],
    "samples": lambda profile: _samples(profile, *dataset.SPLITS),
    "patches": lambda profile: _samples(profile, *dataset.SPLITS) / patches.LEVELS,
    "table-1-training": lambda profile: _samples(profile, "train"),
    "table-1-validation": lambda profile: _samples(profile, "validation"),
    "table-1-testing": lambda profile: _samples(profile, "test"),
    "kernel": _readings_are_alike,
    "mobilenet-accurate": _mobilenet_beats,
    "mobilenet-cheap": _mobilenet_is_cheap,
    "shufflenet-worst": _shufflenet_loses,
    "larger-patches": _larger_patches_help,
    "batch": lambda profile: _recipe(profile)["batch"],
    "learning-rate": lambda profile: _recipe(profile)["learning_rate"],
    "adam": lambda profile: _adam(),
    "loss": lambda profile: [_recipe(profile).get("loss", "cross-entropy") == "cross-entropy"],
    "epochs": _epochs,
    "samples-seen": lambda profile: _paper_training(profile)["result"]["samples_seen"],
    "accuracy": lambda profile: _paper_training(profile)["result"]["test"]["accuracy"],
    "step": _defaults(blur_map.estimate, "step"),
    "eq-6": _mean_of_answers,
    "refinement": _defaults(refinement.refine_paper, "radius", "epsilon", "iterations"),
    "window": lambda profile: [
        _defaults(method.estimate, "size")(profile)[0] for method in (entropy, standard_deviation, laplacian_variance)
    ],
    "beats-entropy": functools.partial(_beats, ("entropy", "standard_deviation")),
    "beats-laplacian": functools.partial(_beats, ("laplacian_variance",)),
    "methods": lambda profile: len({*estimators.names()} & {*OTHERS, "dmenet"}),
    "lbp-fig-8": _lbp(lbp.FIG_8),
    "lbp-fig-9": _lbp(lbp.FIG_9),
    "zhuo-sim": _defaults(zhuo_sim.estimate, "edge_threshold", "sigma", "weight", "max_blur"),
    "fdm": _defaults(fdm.estimate, "superpixels", "sigma"),
    "step-fig-8": _defaults(ours.estimate, "step"),
    "fdm-fast": _fdm_is_faster,
    "levels-of-blur": _beats_the_constant,
    "competitive": functools.partial(_beats, OTHERS),
    "competitive-camera": functools.partial(_beats_on_camera, OTHERS),
    "eq-7": _unsharp,
    "eq-8-10": _sigmoids,
    "half-gain": _half_gain,
    "gain-fig-10": _of(FIGURE_10, "alpha1", "beta1", "alpha2", "strength"),
    "gain-fig-11": _of(FIGURE_11, "alpha1", "beta1", "alpha2", "beta2", "strength"),
    "step-fig-11": _defaults(enhancement_study.run, "step"),
    "um": _defaults(enhancement.unsharp_mask, "strength"),
    "gum": _defaults(enhancement.gum, "contrast", "strength"),
    "cas": lambda profile: -_defaults(enhancement.cas, "strength")(profile)[0],
    "um-background": _photos(BACKGROUND, ["um"], lambda um: um > MUCH_MORE_NOISE),
    "um-oversharpens": _photos(["halo"], ["adaptive", "um"], _smaller),
    "cas-medium": _photos(["sharpness, middle"], ["cas", "adaptive"], lambda cas, own: cas - 1 >= (own - 1) / 2),
    "cas-noise": _photos(BACKGROUND, ["adaptive", "cas"], _smaller),
    "gum-background": _photos(BACKGROUND, ["gum", "um"], _smaller),
    "gum-halos": _photos(["halo"], ["adaptive", "gum"], _smaller),
    "adaptive-background": _photos(["noise, blurred"], ["estimated"], lambda own: own < MORE_NOISE, kind="blurred"),
    "adaptive-focus": _photos(["sharpness, sharp"], ["adaptive", "um", "gum"], lambda own, *others: own < min(others)),
    "eq-11": _mixture,
    "sdof": _defaults(shallow_focus.shallow_paper, "radius", "epsilon", "iterations", "sharpening"),
    "c0-c1": _defaults(shallow_focus.shallow_paper, "c0", "c1"),
    "eq-12-ends": lambda profile: _equation_12(np.array([1, 7])).tolist(),
    "eq-12-far": lambda profile: (_equation_12(np.arange(7, 20)) < 0.01).tolist(),
    "eq-13-16": _fused_weights,
    "fusion": _defaults(fusion.paper.fuse, "radius", "epsilon"),
    "step-fig-15": lambda profile: fusion.paper.STEP,
    "gff": _defaults(fusion.gff.fuse, "base_radius", "base_epsilon", "detail_radius", "detail_epsilon"),
    "gfdf": _defaults(fusion.gfdf.fuse, "radius", "epsilon", "window"),
    "fusion-contrast": _more_contrast_than_ifgd,
    "like-gfdf": functools.partial(_against, "gfdf", lambda own, other: abs(own - other) < 0.01 * other),
    "like-gfdf-truth": _against_truth,
    "scores-truth": _scores_follow_truth,
    "above-gff": functools.partial(_against, "gff", lambda own, other: own > other),
    "above-ifgd": functools.partial(_against, "ifgd", lambda own, other: own > other),
}
"""By claim: a function of the profile that returns a number, several, or whether a statement holds, case by case.

None instead of a profile is the largest that is recorded. It raises `FileNotFoundError` where the profile has no
record of it.
"""
for _network in NETWORKS:
    READERS[f"table-2-{_network}-accuracy"] = functools.partial(_scores, _network, "accuracy")
    READERS[f"table-2-{_network}-loss"] = functools.partial(_scores, _network, "loss")
    READERS[f"table-2-{_network}-size"] = functools.partial(_megabytes, _network)
for _image in ("Cookie", "Book", "Flower"):
    for _row, _method in {"gff": "gff-table3", "gfdf": "gfdf", "gdiif": "ifgd", "ours": "paper"}.items():
        READERS[f"table-3-{_image.lower()}-{_row}"] = functools.partial(_table_3, _image, _method)
