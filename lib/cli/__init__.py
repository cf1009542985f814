"""The command line, ``defocus``: one command a file."""

import contextlib
import os
import signal
import sys
import threading

import click

from lib import storage
from lib.cli import jobs
from lib.cli.adopt import adopt_command
from lib.cli.blur import blur_command
from lib.cli.compare import compare_command
from lib.cli.enhance import enhance_command
from lib.cli.fuse import fuse_command
from lib.cli.map import map_command
from lib.cli.options import EDITED
from lib.cli.reproduce import reproduce_command
from lib.cli.study import study_command
from lib.cli.train import train_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EDITED)
def cli():
    """Estimate how defocused each part of a photo is, and use it.

    The default estimator, one_pass, looks at the whole photo at once, so that it needs no windows; a command's own
    help says what its defaults are and why. An output is of the photo's own kind unless its name says otherwise.
    Nothing leaves the machine unasked.
    """


COMMANDS = (
    map_command,
    compare_command,
    enhance_command,
    blur_command,
    fuse_command,
    train_command,
    study_command,
    reproduce_command,
    adopt_command,
)
for command in COMMANDS:
    cli.add_command(command)


def main(arguments=None):
    """Run a command; mistakes of the caller's end in one line and exit status 2.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _leave_home_alone()
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold anything
    try:
        with _ended_by_sigterm():
            cli.main(arguments, prog_name="defocus", standalone_mode=False)
    except click.exceptions.Abort:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except click.ClickException as error:
        _fail(error.format_message())
    except (ValueError, OSError, ImportError) as error:
        _fail(jobs.describe(error))


def _leave_home_alone():
    """Give Matplotlib and Keras a folder that goes with the process, where they have made none at home yet."""
    home = os.path.expanduser("~")
    folders = {"MPLCONFIGDIR": (".config/matplotlib", ".cache/matplotlib", ".matplotlib"), "KERAS_HOME": (".keras",)}
    for variable, places in folders.items():
        if variable not in os.environ and not any(os.path.isdir(os.path.join(home, place)) for place in places):
            try:
                os.environ[variable] = str(storage.scratch())
            except OSError:  # no folder for temporary files: Keras does without Matplotlib
                sys.modules.setdefault("matplotlib.pyplot", None)


@contextlib.contextmanager
def _ended_by_sigterm():
    """End by SIGTERM as by an exception, so that temporary files go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(message):
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(2)
