"""What the estimators cost: seconds and memory by the size of the photo.

``python -m lib.cost`` measures all methods one after another, each in a process of its own, whose highest memory the
operating system reports. What a killed run of the same code has measured is not measured again.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import cv2
import numpy as np

from lib import comparison, estimators, paths, photos, records
from lib.profiles import PROFILES

MEGAPIXELS = (0.25, 1.0, 4.0)
SAME = ("mobilenet_v2-paper", "fdm-released", "dmenet-compact-adapted")
"""What costs as much as another method and is not measured."""


def photo(megapixels):
    """A photo of 3:2 with everyday detail at every size: the bundled "china", enlarged by mirror images of itself.

    Parameters
    ----------
    megapixels : float

    Returns
    -------
    (H, W, 3) float32 ndarray

    Examples
    --------
    >>> photo(0.25).shape
    (408, 612, 3)
    """
    height = round(np.sqrt(megapixels * 1e6 / 1.5))
    width = round(1.5 * height)
    image = cv2.resize(photos.load("china"), (640, 427), interpolation=cv2.INTER_AREA)
    beyond = [(0, max(side - have, 0)) for side, have in zip((height, width), image.shape[:2], strict=True)]
    return np.ascontiguousarray(np.pad(image, (*beyond, (0, 0)), "symmetric")[:height, :width])


def measure(name, megapixels):
    """Run an estimator once in this process; call it once a process, memory is never given back.

    Parameters
    ----------
    name : str
    megapixels : float

    Returns
    -------
    dict
        ``seconds`` by the clock and ``processor_seconds`` of all threads; ``mebibytes``, the most memory that the
        process had, and ``idle_mebibytes``, what it had before: the libraries, the network and the photo itself.
    """
    estimator = estimators.get(name)
    estimator(photo(64 * 64 / 1e6))  # loads and compiles
    image = photo(megapixels)
    idle = records.peak_memory()
    began = time.perf_counter(), time.process_time()
    values = estimator(image)
    seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    if not np.isfinite(values).all() or values.shape != image.shape[:2]:
        msg = f"{name} returned a map of shape {values.shape} with NaN or infinity."
        raise RuntimeError(msg)
    row = {"method": name, "megapixels": image.shape[0] * image.shape[1] / 1e6}
    memory = {"mebibytes": records.peak_memory(), "idle_mebibytes": idle}
    return row | {"seconds": seconds, "processor_seconds": processor} | memory


@click.command()
@click.option("--method", "chosen", multiple=True, help="Estimator; may be repeated. All by default.")
@click.option(
    "--megapixels", "sizes", multiple=True, type=float, help="Size; may be repeated. 0.25, 1 and 4 by default."
)
@click.option("--profile", type=click.Choice(PROFILES), default="local", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Record. [default: in data/results/PROFILE]")
@click.option("--once", is_flag=True, help="Measure the first method and size in this process and print the result.")
def main(chosen, sizes, profile, output, once):
    """Record what the estimators cost."""
    names, sizes = list(chosen) or [name for name in comparison.methods() if name not in SAME], sizes or MEGAPIXELS
    if once:
        click.echo(json.dumps(measure(names[0], sizes[0])))
        return
    began = time.perf_counter()
    measured = comparison.unfinished() / profile / "cost.json"
    rows = json.loads(measured.read_text()) if measured.exists() else []
    done = {(row["method"], row["asked"]) for row in rows}
    for size in sizes:
        for name in names:
            if (name, size) not in done:
                command = [sys.executable, "-m", "lib.cost", "--once", "--method", name, "--megapixels", str(size)]
                out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=paths.ROOT).stdout
                rows.append(json.loads(out.splitlines()[-1]) | {"asked": size})
                records.write_json(measured, rows)
                click.echo(f"{time.perf_counter() - began:.0f} s {rows[-1]}", err=True)
    path = output or paths.RESULTS / profile / "comparison_cost.json"
    seconds = time.perf_counter() - began
    records.write(path, {"rows": rows}, profile=profile, data="china, mirrored", seed=0, seconds=seconds)
    measured.unlink(missing_ok=True)  # who measures again wants new times
    click.echo(path)


if __name__ == "__main__":
    main()
