"""A stack of frames on disk, read as fusion asks for them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lib import images, pictures, storage
from lib.cli.jobs import progress
from lib.fusion import align


class Stack(Sequence):
    """Frames in files, read one at a time each time that they are asked for, aligned, and without holes.

    Parameters
    ----------
    paths : sequence of Path
    aligned : bool
        Align the frames to the first.

    Raises
    ------
    ImageError
        A frame cannot be read, does not fit the first or cannot be aligned to it.
    """

    def __init__(self, paths, aligned=False):
        self.paths = paths
        first = pictures.read(paths[0])
        self.first, self.bits = first, first.bits
        self.matrices = [np.eye(3)] * len(paths)
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
            if self.alpha is not None:
                self._fill_ground(number, picture)
            update(number, len(paths) - 1)

    def _fill_ground(self, number, picture):
        pixels, alpha = self._placed(number, picture)
        alpha = np.ones_like(self.alpha) if alpha is None else alpha
        more = alpha > self.alpha
        self.ground[more] = pixels[more]
        self.alpha = np.maximum(alpha, self.alpha)

    def _placed(self, number, picture):
        """A frame's pixels and alpha in the place of the first."""
        if number == 0 or np.array_equal(self.matrices[number], np.eye(3)):
            return picture.pixels, picture.alpha
        pixels, inside = align.warp(picture.pixels, self.matrices[number])
        alpha = inside if picture.alpha is None else inside * align.warp(picture.alpha, self.matrices[number])[0]
        return pixels, alpha

    def picture(self, fused):
        """The fused pixels as a picture, with what the first frame's file says."""
        return replace(self.first, pixels=fused, alpha=self.alpha, bits=self.bits)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, number):
        if not 0 <= number < len(self):  # what ends an iteration
            raise IndexError(number)
        pixels, alpha = self._placed(number, pictures.read(self.paths[number]))
        if alpha is None:
            return pixels
        alpha = alpha if pixels.ndim == 2 else alpha[..., None]
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
                storage.save_array(file, sigma)
        return np.load(path)


def _describe(picture):
    height, width = picture.pixels.shape[:2]
    return f"{width}x{height} {'gray' if picture.pixels.ndim == 2 else 'color'}"
