"""A stack of frames on disk, read as fusion asks for them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lib import images, storage
from lib.cli import map_files, pictures, tone
from lib.cli.jobs import progress
from lib.fusion import align


class Stack(Sequence):
    """Frames in files, read one at a time each time that they are asked for, aligned, and without holes.

    Parameters
    ----------
    paths : sequence of Path
    aligned : bool
        Align the frames to the first, and crop all to what each of them covers.
    matched : bool
        Give all frames the exposure and white balance of the first.
    keep_size : bool
        Do not crop: where a frame ends, the first stands in.

    Raises
    ------
    ImageError
        A frame cannot be read, does not fit the first or cannot be aligned to it.
    """

    def __init__(self, paths, aligned=False, matched=True, keep_size=False):
        self.paths = paths
        first = pictures.read(paths[0])
        self.first, self.bits = first, first.bits
        self.matrices, self.tones = [np.eye(3)] * len(paths), [None] * len(paths)
        self.crop, covered = np.s_[:, :], np.ones(first.pixels.shape[:2], np.float32)
        # What shows where a frame has nothing: the first frame, its own holes filled from the others.
        self.ground, self.alpha = first.pixels, first.alpha
        reference, matrix = images.to_gray(first.pixels), None
        update = progress("reading", " frames")
        for number, path in enumerate(paths[1:], start=1):
            picture = pictures.read(path)
            if picture.pixels.shape != first.pixels.shape:
                msg = (
                    f"{path} does not fit {paths[0]}: {_describe(picture)}, not {_describe(first)}; crop or convert it."
                )
                raise pictures.ImageError(msg)
            self.bits = max(self.bits, picture.bits)
            if aligned:
                try:
                    matrix = align.estimate(reference, images.to_gray(picture.pixels), start=matrix)
                except ValueError as error:
                    msg = f"Cannot align {path} to {paths[0]}: {error}"
                    raise pictures.ImageError(msg) from error
                self.matrices[number] = matrix
            placed, inside = self._warped(number, picture.pixels)
            covered = covered if inside is None else np.minimum(covered, inside)
            if matched:
                self.tones[number] = tone.match(first.pixels, placed, self._seen(first, picture, inside))
            if self.alpha is not None:
                self._fill_ground(number, picture)
            update(number, len(paths) - 1)
        if not keep_size:
            self.crop = common(covered)
        self.ground, self.alpha = self.ground[self.crop], None if self.alpha is None else self.alpha[self.crop]

    @staticmethod
    def _seen(first, picture, inside):
        """Where both the first frame and another have something to show; None where they have everywhere."""
        seen = [each for each in (first.alpha, picture.alpha, inside) if each is not None]
        return np.min(seen, axis=0) if seen else None

    def _fill_ground(self, number, picture):
        pixels, alpha = self._placed(number, picture)
        alpha = np.ones_like(self.alpha) if alpha is None else alpha
        more = alpha > self.alpha
        self.ground[more] = pixels[more]
        self.alpha = np.maximum(alpha, self.alpha)

    def _warped(self, number, pixels):
        """Pixels in the place of the first frame's, and where there are any; None for everywhere."""
        if np.array_equal(self.matrices[number], np.eye(3)):
            return pixels, None
        return align.warp(pixels, self.matrices[number])

    def _placed(self, number, picture):
        """A frame's pixels and alpha in the place and the tones of the first."""
        pixels, inside = self._warped(number, tone.apply(picture.pixels, self.tones[number]))
        if picture.alpha is None or inside is None:
            return pixels, picture.alpha if inside is None else inside
        return pixels, inside * self._warped(number, picture.alpha)[0]

    def picture(self, fused):
        """The fused pixels as a picture, with what the first frame's file says."""
        return replace(self.first, pixels=fused, alpha=self.alpha, bits=self.bits)

    def frame(self, number):
        """A frame as it is fused, as a picture with what its own file says; its colors are the first frame's."""
        own = pictures.read(self.paths[number])
        profile = own.icc_profile if self.tones[number] is None else self.first.icc_profile
        return replace(own, pixels=self._whole(number, own), alpha=self.alpha, icc_profile=profile)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        if not 0 <= number < len(self):  # what ends an iteration
            raise IndexError(number)
        return self._whole(number, pictures.read(self.paths[number]))

    def _whole(self, number, picture):
        """A frame's pixels as they are fused, of the picture in its file."""
        pixels, alpha = self._placed(number, picture)
        pixels = pixels[self.crop]
        if alpha is None:
            return pixels
        alpha = alpha[self.crop] if pixels.ndim == 2 else alpha[self.crop][..., None]
        return alpha * pixels + (1 - alpha) * self.ground


class Maps(Sequence):
    """The blur maps of a stack, estimated when they are first asked for and kept in files, not in memory."""

    def __init__(self, stack, folder, estimate):
        self.stack, self.folder, self.estimate = stack, folder, estimate

    def __len__(self):
        return len(self.stack)

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        path = self.folder / f"{number}.npy"
        if not path.exists():
            sigma = self.estimate(self.stack[number], f"map {number + 1} of {len(self)}")
            with storage.whole(path) as file:
                map_files.save_array(file, sigma)
        return np.load(path)


def _describe(picture):
    height, width = picture.pixels.shape[:2]
    return f"{width}x{height} {'gray' if picture.pixels.ndim == 2 else 'color'}"


def common(covered):
    """The largest upright part of a picture, nearly, that is covered throughout.

    Parameters
    ----------
    covered : (H, W) ndarray
        Not 0 where all frames have something to show, e.g. the least of all that `align.warp` calls inside.

    Returns
    -------
    (slice, slice)
        Rows and columns; all of them where nothing is left.

    Examples
    --------
    >>> covered = np.ones((6, 8))
    >>> covered[0, :], covered[3:, 7] = 0, 0
    >>> common(covered)
    (slice(1, 6, None), slice(0, 7, None))
    """
    covered = np.asarray(covered) > 0
    (top, left), (bottom, right) = (0, 0), covered.shape
    while top < bottom and left < right:
        part = covered[top:bottom, left:right]
        holes = [1 - side.mean() for side in (part[0], part[-1], part[:, 0], part[:, -1])]
        if not any(holes):
            return np.s_[top:bottom, left:right]
        worst = holes.index(max(holes))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    return np.s_[:, :]
