"""What the engines cost.

All contestants run in one run, each in a process of its own, and take turns, so that what else the machine does
hits them alike. Ratios are those of processor time, summed over the threads; times by the clock are recorded too.
"""

import functools
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lib import blur_map, engines, images, patches, paths, photos
from lib.engines.core import onnx_file
from lib.studies import profiles, records
from lib.studies.register import study

NETWORK = "mobilenet_v2-lens"
WINDOWS = 2048
"""Windows of the bundled photos, for the rates."""
ROUNDS = 7
UNSEEN = 20_000
"""Windows of the registry's photos, for the agreement."""
SHIPPED = paths.DATA / "photos" / "gb82"
"""The photos of the quick profile for that."""
SPREAD = 4
"""One in so many of those photos is taken."""
PHOTOS = {0.25: (32, 16, 8, 4), 1: (32, 16, 8, 4), 4: (32, 16, 8, 4), 24: (32, 16, 8)}
"""Steps by megapixels: what takes each engine less than four minutes."""


def one_at_a_time():
    """Keras' ``predict``, called for each patch by itself, as in the authors' released code."""
    from lib import classifiers

    model = classifiers.load(NETWORK)
    return engines.Engine(lambda windows: np.concatenate([model.predict(x[None], verbose=0) for x in windows]), 32)


def bfloat16_only():
    """OpenVINO in bfloat16 without the second look."""
    from lib.engines import openvino

    return openvino.start(onnx_file(NETWORK), "bf16")


def int8():
    """ONNX Runtime with weights of 8 bits and activations that are quantized as they come."""
    from onnxruntime import quantization

    from lib.engines import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantization.quantize_dynamic(onnx_file(NETWORK), path, weight_type=quantization.QuantType.QUInt8)
        return onnx.start(path)


CONTESTANTS = {name: functools.partial(engines.start, NETWORK, name) for name in engines.ENGINES} | {
    "openvino-bf16 only": bfloat16_only,
    "onnx-int8": int8,
    "one at a time": one_at_a_time,
}
SLOW = {"onnx-int8": 128, "one at a time": 32}
"""How many of the windows a slow one gets."""


# In the process of a contestant


@functools.cache
def _contestant(name):
    return CONTESTANTS[name]()


def _start(name):
    _contestant(name)
    return records.peak_memory()


def _measure(name, path, step):
    """Time the windows in a file or, with a step, those of the gray photo in it; and the answers."""
    engine, pixels = _contestant(name), np.load(path)
    began = time.perf_counter(), time.process_time()
    if step:
        answers, _ = blur_map.classify(pixels, engine, step)
    else:
        batches = (pixels[first : first + blur_map.BATCH] for first in range(0, len(pixels), blur_map.BATCH))
        answers = np.concatenate([engine.predict(batch) for batch in batches])
    seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    return {"seconds": seconds, "processor_seconds": processor, "mebibytes": records.peak_memory()}, answers


# In the main process


class Contestants:
    """The contestants that this machine has, each in a process of its own, for use in a ``with`` block."""

    def __init__(self, names=tuple(CONTESTANTS)):
        self.names, self.idle, self.left_out = names, {}, {}

    def __enter__(self):
        context = multiprocessing.get_context("spawn")
        self.pools = {name: ProcessPoolExecutor(1, context) for name in self.names}
        for name, pool in self.pools.items():
            try:
                self.idle[name] = pool.submit(_start, name).result()
            except engines.EngineError as error:
                self.left_out[name] = str(error)
        return self

    def __exit__(self, *error):
        for pool in self.pools.values():
            pool.shutdown(cancel_futures=True)

    def measure(self, name, pixels, step=None):
        """Time a contestant.

        Parameters
        ----------
        name : str
        pixels : ndarray
            (N, 32, 32, 1) windows, or with a step a (H, W) gray photo.
        step : int, optional

        Returns
        -------
        row : dict
            ``seconds`` by the clock and ``processor_seconds`` of all threads; ``mebibytes``, the most memory that its
            process has had so far, and ``idle_mebibytes``, what it had when it was started.
        answers : ndarray
            (N, 20) probabilities, or the levels of the photo's windows.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pixels.npy"
            np.save(path, pixels)
            row, answers = self.pools[name].submit(_measure, name, path, step).result()
        return row | {"idle_mebibytes": self.idle[name]}, answers


def windows(count, pictures=None):
    """Windows from random places of photos, flat ones among them.

    Parameters
    ----------
    count : int
    pictures : sequence of (H, W) float32 ndarray, optional
        Gray; the bundled photos by default.

    Returns
    -------
    (count, 32, 32, 1) float32 ndarray

    Examples
    --------
    >>> windows(3).shape
    (3, 32, 32, 1)
    """
    rng = np.random.default_rng(0)
    pictures = pictures or [images.to_gray(photos.load(name)) for name in photos.BUNDLED]
    chosen = []
    for number in rng.integers(len(pictures), size=count):
        row, column = (rng.integers(side - patches.SIZE + 1) for side in pictures[number].shape)
        chosen.append(pictures[number][row : row + patches.SIZE, column : column + patches.SIZE, None])
    return np.stack(chosen)


def rates(contestants, every, rounds=ROUNDS):
    """Let all contestants answer the same windows, in turns.

    Parameters
    ----------
    contestants : Contestants
    every : (N, 32, 32, 1) float32 ndarray
        The slow ones get the first of them.
    rounds : int

    Returns
    -------
    list of dict
        One for each contestant, of medians over the rounds: patches per second of the clock and of the processor, and
        how many times the rate of Keras the latter is; memory; and how the answers compare with those of Keras.
    """
    given = {name: every[: SLOW.get(name)] for name in contestants.idle}
    turns = [{name: contestants.measure(name, pixels) for name, pixels in given.items()} for _ in range(rounds + 1)]
    del turns[0]  # it warms up: first answers compile and take memory

    def speed(name, clock):
        return len(given[name]) / np.array([turn[name][0][clock] for turn in turns])

    rows = []
    for name, (last, answers) in turns[-1].items():
        processor = speed(name, "processor_seconds")
        expected = turns[-1]["keras"][1][: len(answers)]
        rows.append(
            {
                "engine": name,
                "windows": len(answers),
                "per_second": float(np.median(speed(name, "seconds"))),
                "per_processor_second": float(np.median(processor)),
                "times_keras": float(np.median(processor / speed("keras", "processor_seconds"))),
                "times_keras_by_round": (processor / speed("keras", "processor_seconds")).tolist(),
                "same_level": float((answers.argmax(1) == expected.argmax(1)).mean()),
                "largest_difference": float(np.abs(answers - expected).max()),
                "mebibytes": last["mebibytes"],
                "idle_mebibytes": last["idle_mebibytes"],
            }
        )
    return rows


def unseen(contestants, files, count=UNSEEN):
    """The share of windows with the same level as Keras, on photos by which nothing in `lib.engines` was chosen.

    Parameters
    ----------
    contestants : Contestants
    files : sequence of path
    count : int

    Returns
    -------
    dict of str to float
        By engine.
    """
    every = windows(count, pictures=[images.to_gray(images.read(path)) for path in files])
    answers = {
        name: contestants.measure(name, every)[1].argmax(1) for name in engines.ENGINES if name in contestants.idle
    }
    return {name: float((levels == answers["keras"]).mean()) for name, levels in answers.items()}


def maps(contestants, sizes=PHOTOS):
    """Let the engines map photos of several sizes with several steps, in turns, the smallest first.

    Parameters
    ----------
    contestants : Contestants
    sizes : dict of float to sequence of int
        Steps by megapixels.

    Yields
    ------
    dict
        One for each photo, step and engine: what `Contestants.measure` returns, and how the map compares with that
        of Keras, as the share of windows with the same level and the mean difference in pixels of sigma.
    """
    for megapixels, steps in sizes.items():
        gray = images.to_gray(profiles.photo(megapixels))
        for step in steps:
            answers = {}
            for name in engines.ENGINES:
                if name not in contestants.idle:
                    continue
                row, answers[name] = contestants.measure(name, gray, step)
                ours, expected = (
                    blur_map.average(levels, gray.shape, step) for levels in (answers[name], answers["keras"])
                )
                yield (
                    {"engine": name, "megapixels": gray.size / 1e6, "step": step}
                    | row
                    | {
                        "windows": answers[name].size,
                        "same_level": float((answers[name] == answers["keras"]).mean()),
                        "mean_difference": float(np.abs(ours - expected).mean()),
                    }
                )


@study("inference", minutes=(2, 14, 14), data="", needs=(f"train_{NETWORK}",))
def inference(job):
    """What the engines cost that run a classifier: time, memory, and how far their answers agree with Keras."""
    quick = job.profile == "quick"
    count = 256 if quick else job.count(WINDOWS, least=SLOW["onnx-int8"])
    job.data = f"{count} windows of the bundled photos; china, mirrored"
    with Contestants() as contestants:
        for name, why in contestants.left_out.items():
            job.say(f"{name} is left out: {why}")
        measured = rates(contestants, windows(count), 1 if quick else job.count(ROUNDS))
        result = {"network": NETWORK, "left_out": contestants.left_out, "rates": measured}
        files, more = (sorted(SHIPPED.glob("*.png")), count) if quick else (photos.training_files()[::SPREAD], UNSEEN)
        result["unseen"] = unseen(contestants, job.some(files), job.count(more))
        job.data += f"; {job.count(more)} windows of {'gb82' if quick else 'the registry'}"
        sizes = dict([*PHOTOS.items()][:1] if quick else job.some(PHOTOS.items()))
        result["maps"] = list(maps(contestants, sizes))
    return result
