"""``defocus fuse``."""

import functools
import tempfile
from pathlib import Path

import click

from lib import fusion
from lib.cli import stack_files
from lib.cli.jobs import UserError, check_writable, expand, pair
from lib.cli.options import EDITED, NETWORK, Method, estimator_options, output_options, refuse_given

WINDOWS = {"paper": {"step": 4}, "defocus": {"labels": "expected", "variant": None}}
"""How each method wants the maps of the paper's estimator."""


@click.command("fuse", epilog=EDITED)
@click.argument("frames", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FRAME FRAME...")
@output_options("The fused picture, or a folder.")
@click.option(
    "--method",
    type=Method(fusion.METHODS),
    default="defocus",
    show_default=True,
    help="This book's, the paper's, or one that it compares with.",
)
@click.option("--align", "aligned", is_flag=True, help="Align the frames to the first: for stacks held by hand.")
@click.option("--align-only", is_flag=True, help="Align, and write the frames to a folder instead of fusing them.")
@click.option("--keep-size", is_flag=True, help="With --align: do not crop to what all frames cover.")
@click.option("--no-match", is_flag=True, help="Leave each frame its own exposure and white balance.")
@click.option("--no-map", is_flag=True, help="With the method defocus: by gradients alone, faster.")
@estimator_options()
def fuse_command(frames, output, writing, method, aligned, align_only, keep_size, no_match, no_map, estimate):
    """Fuse two or more FRAMEs of a scene, focused at different depths, into one that is sharp throughout.

    A folder stands for the photos in it. The result has the EXIF data and the color profile of the
    first frame, and 16 bit if a frame has. All frames get the exposure and white balance of the first.
    Aligned frames are cropped to what all of them cover. Where a frame is transparent, the others
    stand in.
    """
    frames = expand(frames)
    if len(frames) < 2:
        msg = "Expected two or more frames to fuse, got one; name another that is focused elsewhere."
        raise UserError(msg)
    if no_map and method in fusion.METHODS.taking("blur_maps", needed=True):
        msg = f"The method {method} needs the defocus maps: leave --no-map out, or use --method defocus."
        raise UserError(msg)
    if method not in fusion.METHODS.taking("blur_maps"):
        refuse_given({"no_map", *NETWORK}, f"with --method {method}, which needs no map")
    elif no_map:
        refuse_given(NETWORK, "with --no-map")
    if keep_size and not (aligned or align_only):
        msg = "--keep-size means nothing without --align: frames are cropped only where they are aligned."
        raise UserError(msg)
    if align_only:
        refuse_given({"method", "no_map", *NETWORK}, "with --align-only, which fuses nothing")
        _write_aligned(frames, output, writing, keep_size, not no_match)
        return
    ((_, target),) = pair(frames[:1], output)
    if target.resolve() in [frame.resolve() for frame in frames]:
        msg = f"{target} is one of the frames: name another file with --output."
        raise UserError(msg)
    check_writable(target)
    writing.claim(target)
    stack = stack_files.Stack(frames, aligned, not no_match, keep_size)
    if no_map or method not in fusion.METHODS.taking("blur_maps"):
        fused = fusion.fuse(stack, method)
    else:
        with tempfile.TemporaryDirectory(prefix="fuse-") as folder:
            maps = stack_files.Maps(stack, Path(folder), functools.partial(estimate, **WINDOWS.get(method, {})))
            fused = fusion.fuse(stack, method, blur_maps=maps)
    writing.save(frames[0], target, stack.picture(fused))


def _write_aligned(frames, output, writing, keep_size, matched):
    """Write each frame as it is fused."""
    targets = pair(frames, output)
    for _, target in targets:
        if target.resolve() in [each.resolve() for each in frames]:
            msg = f"{target} is one of the frames: name another folder with --output."
            raise UserError(msg)
        check_writable(target)
        writing.claim(target)
    stack = stack_files.Stack(frames, True, matched, keep_size)
    for number, (frame, target) in enumerate(targets):
        writing.save(frame, target, stack.frame(number))
