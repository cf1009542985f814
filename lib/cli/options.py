"""The options that commands share."""

import functools
import importlib
import os
import sys
from pathlib import Path

import click

from lib import blur_map, engines, refinement
from lib.cli import jobs

photos_argument = click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
"""Any number of photos and folders of photos."""
output_option = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="For one photo a file or a folder, for more a folder.",
)
step_option = click.option(
    "--step", type=click.IntRange(1, 32), default=8, show_default=True, help="Pixels from one window to the next."
)


def network_options(command):
    """Give a command ``--model`` and ``--engine``, and a function that starts the classifier on the engine.

    The command gets the argument ``network``; ``network()`` returns the same `engines.Engine` at each call.
    """

    @click.option(
        "--model", default="mobilenet_v2-lens", show_default=True, help="A shipped classifier or a .keras file."
    )
    @click.option(
        "--engine",
        type=click.Choice(engines.ENGINES),
        default=engines.ENGINES[0],
        show_default=True,
        help="What runs the classifier. All agree; openvino-bf16 is the fastest.",
    )
    @functools.wraps(command)
    def with_network(*args, model, engine, **options):
        return command(*args, network=functools.cache(lambda: start_engine(model, engine)), **options)

    return with_network


def map_options(command):
    """Give a command the options of a photo's map, and a function that makes it from them.

    The command gets the argument ``defocus``, called ``defocus(pixels, label)``: it reads the file of
    ``--map``, or estimates the map and refines it, with `label` beside the progress bar.
    """

    @click.option(
        "--map",
        "map_file",
        type=click.Path(path_type=Path),
        help="Defocus map of the photo (.npy of `map`), if at hand.",
    )
    @step_option
    @network_options
    @functools.wraps(command)
    def with_defocus(*args, map_file, step, network, **options):
        return command(*args, defocus=_map_source(map_file, step, network), **options)

    return with_defocus


def import_tensorflow():
    """Import TensorFlow without the notes of its C++ part, which come whatever TF_CPP_MIN_LOG_LEVEL says."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def start_engine(model, engine):
    """`engines.start`, TensorFlow imported quietly before where it is needed."""
    if engines.needs_tensorflow(model, engine):
        import_tensorflow()
    return engines.start(model, engine)


def _map_source(map_file, step, network):
    if map_file is not None:
        return lambda pixels, label: blur_map.read_map(map_file, pixels.shape[:2])

    def estimate(pixels, label):
        sigma = blur_map.estimate(pixels, network(), step, progress=jobs.progress(label, " windows"))
        return refinement.refine(sigma, pixels)

    return estimate


def refuse_others(given, allowed, choice):
    """Refuse options that mean nothing to the chosen method.

    Parameters
    ----------
    given, allowed : collection of str
        Names of options, as Python names.
    choice : str
        The option that was chosen, such as ``"--method cas"``.

    Raises
    ------
    UserError
    """
    for name in sorted(set(given) - set(allowed)):
        own = ", ".join(f"--{each.replace('_', '-')}" for each in sorted(allowed))
        msg = f"--{name.replace('_', '-')} means nothing to {choice}, which takes {own}."
        raise jobs.UserError(msg)
