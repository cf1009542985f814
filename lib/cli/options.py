"""The options that commands share."""

import functools
import importlib
import math
import os
from pathlib import Path

import click

from lib import blur_map, engines, estimators, one_pass, refinement
from lib.cli import jobs, map_files
from lib.cli.silence import silence

photos_argument = click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
"""Any number of photos and folders of photos."""


class OutputPath(click.Path):
    """A path of an output; one with a slash at its end becomes a `jobs.Folder`."""

    def convert(self, value, param, ctx):
        path = super().convert(value, param, ctx)
        return jobs.Folder(path) if str(value).endswith(("/", os.sep)) else path


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Do not say what was written.")
REFUSED = (
    "Refused: raw files and floats, endings that cannot be written, options that mean nothing, and to replace a file "
    "that this program did not write or that was changed since, unless --force says so."
)
EDITED = (
    "Kept of the photo's file: kind, bits, transparency, EXIF, XMP, IPTC, color profile, gamma and texts of PNG, "
    "lossless WebP. Print colors become sRGB. What cannot be kept, such as further pages or a gain map, is named on "
    "one line. "
) + REFUSED
"""Ends of the help of commands that read photos, and of those that write them."""


def output_options(text="For one photo a file or a folder, for more a folder. A slash at the end makes a folder."):
    """Give a command ``--output``, ``--force`` and ``--quiet``: the arguments ``output`` and ``writing``."""

    def decorate(command):
        @click.option("-o", "--output", required=True, type=OutputPath(path_type=Path), help=text)
        @click.option("--force", is_flag=True, help="Replace files that this program did not write. [default: refuse]")
        @quiet_option
        @functools.wraps(command)
        def with_writing(*args, force, quiet, **options):
            return command(*args, writing=jobs.Writing(force, quiet), **options)

        return with_writing

    return decorate


PROFILES = ("quick", "local", "full")
"""`lib.studies.profiles` has them too, and takes longer to import."""
PAPER = "mobilenet_v2-lens"
"""The network, and the estimator, that is the paper's way."""
OWN = {"one_pass": {"engine"}, "paper": {"step", "model", "engine"}}
"""Options that mean something to some estimators only."""
NETWORK = {"estimator", "engine", "step", "model"}
"""Options that say how a map is estimated."""
MAPS = {"map_file", "map_scale", *NETWORK}
"""Options that say which map is taken."""
ESTIMATORS = ("one_pass", "paper")
"""In front of the others; the first is the default."""
STEP = 8
"""From one window of the paper's to the next, pixels."""


class _Finite:
    """A type of option that refuses infinity and what is no number."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Method(click.Choice):
    """One of the methods of a package, which are looked up when they are asked for: a broken file stops no other."""

    def __init__(self, methods):
        self.methods, self.case_sensitive = methods, True

    @property
    def choices(self):
        """Their names."""
        return tuple(self.methods)


class Number(_Finite, type(click.FLOAT)):
    """As ``float``."""


class NumberRange(_Finite, click.FloatRange):
    """As `click.FloatRange`."""


def estimator_options(**own):
    """Give a command ``--estimator``, ``--engine``, ``--step`` and ``--model``: the argument ``estimate``.

    ``estimate(pixels, label)`` returns the (H, W) map in sigma, with `label` beside a progress bar. Its options
    ``step`` (where ``--step`` is not given), ``labels`` and ``variant`` are for the paper's estimator; None as the
    variant leaves its map unrefined. With ``interval=True`` one_pass returns the ends of its interval too.

    Parameters
    ----------
    **own : set of str
        Options of the command that mean something to one estimator only: Python names, by estimator.
    """
    others = [name for name in estimators.names() if name not in ESTIMATORS]

    def decorate(command):
        @click.option(
            "--estimator",
            type=click.Choice([*ESTIMATORS, *others]),
            default=ESTIMATORS[0],
            show_default=True,
            help="What estimates the map: one look at the whole photo, the paper's windows, or another.",
        )
        @click.option("--step", type=click.IntRange(1, 32), help=f"paper: pixels between windows.  [default: {STEP}]")
        @click.option(
            "--model",
            default=PAPER,
            show_default=True,
            help="paper: a shipped classifier or a .keras file.",
        )
        @click.option(
            "--engine",
            type=click.Choice(engines.ENGINES),
            help="one_pass, paper: what runs the network. All agree; openvino-bf16, paper's only, nearly.  "
            "[default: onnx; paper: keras]",
        )
        @functools.wraps(command)
        def with_estimate(*args, estimator, step, model, engine, **options):
            for name, names in OWN.items():
                if name != estimator:
                    foreign = (names | own.get(name, set())) - OWN.get(estimator, set())
                    refuse_given(foreign, f"with --estimator {estimator}, only with --estimator {name}")
            return command(*args, estimate=_estimator(estimator, step, model, engine), **options)

        return with_estimate

    return decorate


def _estimator(name, given_step, model, engine):
    """The `estimate` of `estimator_options`."""

    @functools.cache
    def network():
        return start_engine(model, engine or engines.ENGINES[0])

    def by_windows(pixels, label, step=STEP, labels="hard", variant="paper", **_):
        update = jobs.progress(label, " windows")
        filled = variant == "filled"
        sigma = blur_map.estimate(pixels, network(), given_step or step, labels, filled=filled, progress=update)
        return sigma if filled or variant is None else refinement.refine(sigma, pixels, variant)

    def in_one_pass(pixels, label, interval=False, **_):
        return one_pass.estimate(pixels, interval, engine=engine, progress=jobs.progress(label, " tiles"))

    def by_name(pixels, label, **_):
        estimator = estimators.get(name)
        if estimator.method.unit != "sigma":
            msg = f"The estimator {name} gives a {estimator.method.unit} and no sigma: take another, or see `compare`."
            raise jobs.UserError(msg)
        with silence():  # TensorFlow's notes, of those that use it
            found = estimator(pixels)
        if found.shape != pixels.shape[:2]:
            msg = f"The estimator {name} gives a map of shape {found.shape}: expected {pixels.shape[:2]}, as the photo."
            raise jobs.UserError(msg)
        return found

    return {"paper": by_windows, "one_pass": in_one_pass}.get(name, by_name)


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
        type=NumberRange(min=0, min_open=True, max=1e6),
        help="Sigma of the map's value 1 or white, pixels; for maps from elsewhere.",
    )
    @estimator_options()
    @functools.wraps(command)
    def with_defocus(*args, map_file, map_scale, estimate, **options):
        if map_file is None:
            refuse_given({"map_scale"}, "without --map")
            return command(*args, defocus=estimate, **options)
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
    return lambda pixels, label: map_files.read_sigma(files[label], pixels.shape[:2], scale)


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
