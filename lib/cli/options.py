"""The options that commands share."""

import functools
import importlib
import os
from pathlib import Path

import click

from lib import blur_map, engines, refinement
from lib.cli import jobs
from lib.pictures.silence import silence

photos_argument = click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
"""Any number of photos and folders of photos."""


class OutputPath(click.Path):
    """A path of an output; one with a slash at its end becomes a `jobs.Folder`."""

    def convert(self, value, param, ctx):
        path = super().convert(value, param, ctx)
        return jobs.Folder(path) if str(value).endswith(("/", os.sep)) else path


def output_options(text="For one photo a file or a folder, for more a folder. A slash at the end makes a folder."):
    """Give a command ``--output``, ``--force`` and ``--quiet``: the arguments ``output`` and ``writing``."""

    def decorate(command):
        @click.option("-o", "--output", required=True, type=OutputPath(path_type=Path), help=text)
        @click.option("--force", is_flag=True, help="Replace files that this program did not write. [default: refuse]")
        @click.option("-q", "--quiet", is_flag=True, help="Do not say what was written.")
        @functools.wraps(command)
        def with_writing(*args, force, quiet, **options):
            return command(*args, writing=jobs.Writing(force, quiet), **options)

        return with_writing

    return decorate


step_option = click.option(
    "--step", type=click.IntRange(1, 32), default=8, show_default=True, help="Pixels from one window to the next."
)


NETWORK = {"step", "model", "engine"}
"""Options that say how a map is estimated."""
MAPS = {"map_file", "map_scale", *NETWORK}
"""Options that say which map is taken."""


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
        help="Defocus map of the photo: .npy, in sigma, or .png of `map`; for more photos a folder of maps by name.",
    )
    @click.option(
        "--map-scale",
        type=click.FloatRange(min=0, min_open=True),
        help="Sigma of the map's value 1 or white, pixels; for maps from elsewhere.",
    )
    @step_option
    @network_options
    @functools.wraps(command)
    def with_defocus(*args, map_file, map_scale, step, network, **options):
        if map_file is None:
            refuse_given({"map_scale"}, "without --map")
            return command(*args, defocus=_estimated(step, network), **options)
        refuse_given(NETWORK, "with --map, whose map is taken as it is")
        return command(*args, defocus=_from_files(map_file, map_scale, options["photos"]), **options)

    return with_defocus


def import_tensorflow():
    """Import TensorFlow without the notes of its C++ part, which come whatever TF_CPP_MIN_LOG_LEVEL says."""
    with silence():
        importlib.import_module("tensorflow")


def start_engine(model, engine):
    """`engines.start`, TensorFlow imported quietly before where it is needed."""
    if engines.needs_tensorflow(model, engine):
        import_tensorflow()
    return engines.start(model, engine)


def _estimated(step, network):
    def estimate(pixels, label):
        sigma = blur_map.estimate(pixels, network(), step, progress=jobs.progress(label, " windows"))
        return refinement.refine(sigma, pixels)

    return estimate


def _from_files(map_file, scale, photos):
    """A map of each photo: from the one file for one photo, from a folder by name."""
    names = [photo.name for photo in jobs.sorted_out(photos)[0]]
    if map_file.is_dir():
        files = {name: _map_of(name, map_file) for name in names}
        shared = [str(file) for file in files.values() if list(files.values()).count(file) > 1]
        if shared:
            msg = f"{shared[0]} would be the map of several photos: name the maps PHOTO.jpg.npy, with their endings."
            raise jobs.UserError(msg)
    elif len(photos) > 1 or photos[0].is_dir():
        msg = f"{map_file} is the map of one photo: for more photos --map is a folder of maps by the photos' names."
        raise jobs.UserError(msg)
    else:
        files = {names[0]: map_file}
    return lambda pixels, label: blur_map.read_sigma(files[label], pixels.shape[:2], scale)


def _map_of(name, folder):
    """The map of a photo in a folder: under its name, with its ending or without."""
    stems = (name, Path(name).stem)
    for path in (folder / (stem + ending) for stem in stems for ending in (".npy", ".png", ".tif", ".tiff")):
        if path.is_file() and path.name != name:
            return path
    msg = f"No map of {name} in {folder}: expected {stems[1]}.npy, or {stems[1]}.png as `map` writes it."
    raise jobs.UserError(msg)


def refuse_given(names, why):
    """Refuse options that stand on the command line and mean nothing there.

    Parameters
    ----------
    names : set of str
        Python names.
    why : str
        Ends the message: "with ...".

    Raises
    ------
    UserError
    """
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(option.name)
        if option.name in names and source is click.core.ParameterSource.COMMANDLINE:
            msg = f"{option.opts[-1]} means nothing {why}: leave it out."
            raise jobs.UserError(msg)


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
