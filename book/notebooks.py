"""Writes the chapters as notebooks for Colab: ``python -m book.notebooks https://github.com/owner/name``.

The workflow `publish` pushes what this makes, `_build/notebooks`, to the branch that the buttons open.
"""

import re
import sys

import jupytext
import nbformat

from book._ext import launch
from lib import paths, storage
from lib.studies import chapters

NOTEBOOKS = paths.BUILD / "notebooks"
COLAB_OWN = {
    "comm", "debugpy", "ipykernel", "ipython", "ipython-pygments-lexers", "jedi", "jupyter-client", "jupyter-core",
    "matplotlib-inline", "nest-asyncio2", "prompt-toolkit", "psutil", "pyzmq", "tornado", "traitlets",
}  # fmt: skip
"""What Colab itself runs on: its sessions crash on other versions, so these are not installed from the lock."""

SETUP = """\
# Colab has neither this book nor its packages. This fetches both, in a few minutes. If Colab then asks for
# a restart of the session, restart, and run this cell again.
![ -d /content/{folder} ] || git clone --quiet --depth 1 --branch {branch} https://github.com/{name} /content/{folder}
%pip install --quiet --no-deps --require-hashes --requirement {raw}/requirements.txt
%cd -q /content/{folder}
"""


MATH = re.compile(r"^```\{math\}\n(?::[^\n]*\n)*(.*?)^```", re.DOTALL | re.MULTILINE)


def colab_lock(lock):
    """The lock without the packages that Colab itself runs on.

    Parameters
    ----------
    lock : str
        Text of a ``requirements.txt`` with hashes.

    Returns
    -------
    str
    """
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE | re.IGNORECASE)
    return "".join(entry for entry in entries if re.split(r"==|\[", entry)[0].lower() not in COLAB_OWN)


def notebook(name, chapter):
    """A chapter as a notebook whose first cell makes it run in Colab.

    Parameters
    ----------
    name : str
        The repository, ``owner/name``.
    chapter : str
        Such as ``optics``.

    Returns
    -------
    NotebookNode
    """
    made = jupytext.read(paths.BOOK / f"{chapter}.md")
    for cell in made.cells:
        if cell.cell_type == "markdown":  # formulas as every notebook reads them
            cell.source = MATH.sub(r"$$\n\1$$", cell.source)
    raw = f"https://raw.githubusercontent.com/{name}/{launch.NOTEBOOKS}"
    setup = SETUP.format(name=name, folder=name.split("/")[1], branch=launch.BRANCH, raw=raw)
    made.cells.insert(0, nbformat.v4.new_code_cell(setup.rstrip(), id="setup"))
    nbformat.validate(made)
    return made


def write(name, folder=NOTEBOOKS):
    """Write all chapters that have cells, and the lock for Colab, into a new folder, whole or not at all.

    Parameters
    ----------
    name : str
        The repository, ``owner/name``.
    folder : Path
        Replaced if it is there.
    """
    with storage.whole_folder(folder) as partial:
        for chapter in chapters.chapters():
            nbformat.write(notebook(name, chapter), partial / f"{chapter}.ipynb")
        (partial / "requirements.txt").write_text(colab_lock((paths.ROOT / "requirements.txt").read_text()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    write(launch.repository(sys.argv[1]))
    print(NOTEBOOKS)
