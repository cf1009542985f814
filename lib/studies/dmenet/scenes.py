"""Scenes with a known defocus map to train on, and photos with real defocus to adapt to.

The authors render theirs from game scenes and scans with depth (SYNDOF). Here photos in focus are the textures of
layers at random depths: slanted or gently bent surfaces cut out along smooth outlines. `lib.optics` takes the picture.
"""

import functools
from typing import NamedTuple

import cv2
import numpy as np

from lib import images, optics, photos
from lib.guided_filter import box_mean
from lib.studies import photographed

SIZE = 128
"""Side of a scene, pixels."""
GREATEST_SIGMA = 9.0
"""Blur in a scene, pixels; beyond the 7 that DMENet can say, so that it learns to say 7 there."""
STEP = 0.5
"""Spread of sigma in one layer of the rendering, pixels."""
MOST_LAYERS = 4
OUTLINE_SIGMA = 0.6
"""Softness of the outline of a layer in focus, pixels."""
HELD_OUT = 10
"""Every tenth photo of a set is kept for testing."""
WITHHELD_PAIR = "lytro-03"
"""Table 3 measures fusion on it."""
SURE = 1.5
"""How many times the detail of one photo of a pair exceeds that of the other where the sharper one is beyond doubt."""


class Scene(NamedTuple):
    """A rendered picture and its true defocus map."""

    image: np.ndarray
    """(SIZE, SIZE, 3) float32 in [0, 1]."""
    sigma: np.ndarray
    """(SIZE, SIZE) float32, pixels."""


def textures(split, profile="local"):
    """The photos in focus that scenes are made of: the training sets and, to train, the bundled photos.

    The motorcycle is left out: estimators are compared on it. The quick profile has the bundled photos only.

    Parameters
    ----------
    split : {"train", "test"}
    profile : {"quick", "local", "full"}

    Returns
    -------
    list of (str, callable)
        Name, and a function that reads the picture.
    """
    bundled = [(name, functools.partial(photos.load, name)) for name in photos.BUNDLED if name != "motorcycle"]
    if profile == "quick":
        return bundled[:-1] if split == "train" else bundled[-1:]
    found = []
    for set_name in photos.TRAINING_SETS:
        for number, path in enumerate(photos.files(set_name)):
            if (number % HELD_OUT == 0) == (split == "test"):
                found.append((f"{set_name}/{path.name}", functools.partial(_read, path)))
    return found + bundled if split == "train" else found


def _read(path):
    pixels = images.read(path)
    return pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)


def render(pictures, rng):
    """Render a random scene.

    Parameters
    ----------
    pictures : list of callable
        Each returns an (H, W, 3) picture of at least `SIZE` pixels a side.
    rng : numpy.random.Generator

    Returns
    -------
    Scene
    """
    count = int(rng.integers(1, MOST_LAYERS + 1))
    nearness = np.sort(rng.uniform(0, 1, count))
    image, inverse_depth = _texture(pictures, rng), _surface(nearness[0], rng)
    for near in nearness[1:]:
        shape = _shape(rng)
        opacity = cv2.GaussianBlur(np.float32(shape), (0, 0), OUTLINE_SIGMA)[..., None]  # no staircase in focus
        image = opacity * _texture(pictures, rng) + (1 - opacity) * image
        # A layer in front stays in front, or optics would see through it.
        inverse_depth = np.where(shape, np.maximum(_surface(near, rng), inverse_depth), inverse_depth)
    image = np.clip(image, 0, 1)
    sigma = _photograph(inverse_depth, rng)
    return Scene(optics.render(image, sigma, step=STEP), np.float32(np.abs(sigma)))


def _photograph(inverse_depth, rng):
    """Signed sigma, pixels (eq. 2): the focus is on some pixel of the scene, and the greatest blur is random."""
    sigma = inverse_depth.flat[rng.integers(inverse_depth.size)] - inverse_depth
    return rng.uniform(0, GREATEST_SIGMA) * sigma / max(np.abs(sigma).max(), 1e-3)


def _texture(pictures, rng):
    """A random cut of a random photo, shrunk by up to one half: that also hides the blur that a photo comes with."""
    picture = pictures[rng.integers(len(pictures))]()
    scale = rng.uniform(max(0.5, SIZE / min(picture.shape[:2])), 1)
    side = min(int(np.ceil(SIZE / scale)), *picture.shape[:2])
    top, left = (rng.integers(length - side + 1) for length in picture.shape[:2])
    cut = picture[top : top + side, left : left + side]
    cut = cv2.resize(cut, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.clip(cut[:, :: rng.choice([-1, 1])], 0, 1)


def _surface(nearness, rng):
    """Inverse depth, 1/m, of a slanted and gently bent surface: between 0.2 and 2."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    tilt = rng.normal(0, 0.15, 2) * (rng.random() < 0.7)
    bend = 0.1 * _noise(rng, SIZE / 3) * (rng.random() < 0.3)
    return 0.2 + 1.8 * np.clip(nearness + tilt[0] * y + tilt[1] * x + bend, 0, 1)


def _shape(rng):
    """A smooth random shape, a third of the scene on average: (SIZE, SIZE) bool."""
    field = _noise(rng, SIZE / rng.uniform(3, 12))
    return field > np.quantile(field, rng.uniform(0.4, 0.9))


def _noise(rng, scale):
    """Smooth noise of unit deviation."""
    field = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)).astype(np.float32), (0, 0), scale)
    return (field - field.mean()) / field.std()


def make_pool(folder, split, count, profile="local", seed=0):
    """Render scenes once, to be read by the training many times.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``images-SPLIT.npy``, (count, SIZE, SIZE, 3) uint8, and ``sigma-SPLIT.npy``, (count, SIZE, SIZE) float16.
        Finished files are kept.
    split : {"train", "test"}
    count : int
    profile : {"quick", "local", "full"}
    seed : int

    Returns
    -------
    images, sigma : memory-mapped ndarray
    """
    paths = [folder / f"{kind}-{split}.npy" for kind in ("images", "sigma")]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        pictures = [functools.cache(read) for _, read in textures(split, profile)]
        partial = [path.with_suffix(".partial") for path in paths]
        shapes = (count, SIZE, SIZE, 3), (count, SIZE, SIZE)
        pool = [
            np.lib.format.open_memmap(path, "w+", dtype, shape)
            for path, dtype, shape in zip(partial, (np.uint8, np.float16), shapes, strict=True)
        ]
        for number in range(count):
            scene = render(pictures, np.random.default_rng((seed, split == "test", number)))
            pool[0][number], pool[1][number] = images.to_uint8(scene.image), scene.sigma
        for file, written, path in zip(pool, partial, paths, strict=True):
            file.flush()
            written.rename(path)
    return [np.load(path, mmap_mode="r") for path in paths]


def real_photos(profile="local"):
    """Photos that are out of focus in part, with masks of their sharp part, both from pairs that differ in focus.

    The pairs are those of the set "lytro"; for the quick profile one that is blurred here. The authors have masks drawn
    by hand (CUHK, which is a test set here). Of two photos that differ in focus alone, the one with more detail around
    a pixel is the one in focus there, so a pair gives its masks itself.

    Parameters
    ----------
    profile : {"quick", "local", "full"}

    Returns
    -------
    pictures : (N, H, W, 3) uint8 ndarray
    sharp : (N, H, W) uint8 ndarray
        1 in focus, 0 out of focus, 255 undecided: too little detail, or as much in the other photo.
    """
    pictures, sharp = [], []
    for pair in _pairs(profile):
        detail = [_detail(picture) for picture in pair]
        for picture, own, other in zip(pair, detail, detail[::-1], strict=True):
            mask = np.full(own.shape, 255, np.uint8)
            mask[own > SURE * other] = 1
            mask[other > SURE * own] = 0
            pictures.append(images.to_uint8(picture))
            sharp.append(mask)
    side = min(length for picture in pictures for length in picture.shape[:2])
    return np.stack([p[:side, :side] for p in pictures]), np.stack([m[:side, :side] for m in sharp])


def _pairs(profile):
    if profile == "quick":
        image = photos.load("china")
        yield photographed.slanted(image)[0], photographed.slanted(image[::-1])[0][::-1]
        return
    files = [path for path in photos.files("lytro") if "pairs" in path.parts and path.suffix == ".jpg"]
    for name in sorted({path.stem[:-2] for path in files} - {WITHHELD_PAIR}):
        yield [_read(next(path for path in files if path.stem == f"{name}-{which}")) for which in "AB"]


def _detail(picture):
    """Mean squared Laplacian around each pixel, beyond that of the noise of 8 bits."""
    laplacian = cv2.Laplacian(images.to_gray(picture), cv2.CV_32F)
    return box_mean(laplacian**2, 8) + np.float32(1e-4)
