"""Compares ``defocus fuse`` with enfuse: ``python -m lib.studies.enfuse [PROFILE FILE]``.

Enfuse is a program for panoramas and stacks that is not part of this project; on Debian
``apt-get install enfuse`` brings it. Both get the same files, rendered from a scene whose truth is
known, and run as commands of their own; of each, time, peak memory and quality are recorded in
data/results/local/fusion_benchmark.json.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

from lib import paths, pictures, scenes
from lib.studies import records
from lib.studies.fusion import against_truth

FRAMES = 5
LARGE = (4000, 3000)
"""Width and height of 12 megapixels, to which the stack is enlarged to measure time and memory."""
LONG = 50
"""Frames of the long stack: those of the small one, again and again."""
ENFUSE = ("--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask")
"""What enfuse's manual advises for focus stacks."""
COMMANDS = {
    "defocus": ("--method", "defocus"),
    "defocus, no maps": ("--method", "defocus", "--no-map"),
    "paper, step 8": ("--method", "paper", "--step", "8"),
    "gff": ("--method", "gff"),
    "gfdf": ("--method", "gfdf"),
    "ifgd": ("--method", "ifgd"),
}
FAST = ("defocus, no maps",)
"""What is run beside enfuse on the large stack, where the network would take minutes a frame, and on the long one."""


# A process starts with the peak memory of the one that starts it, so a small one has to do that.
_LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def run(command):
    """Run a command.

    Parameters
    ----------
    command : sequence of str

    Returns
    -------
    dict
        "seconds" of wall time, "cpu_seconds", and "megabytes" (2**20 bytes) of memory at its peak.

    Raises
    ------
    RuntimeError
        If it fails.

    Examples
    --------
    >>> sorted(run(["true"]))
    ['cpu_seconds', 'megabytes', 'seconds']
    """
    launch = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    answer = subprocess.run(launch, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout.split()
    status, seconds, cpu_seconds, kilobytes = map(float, answer)
    if status:
        msg = f"Exit status {status:.0f} of {' '.join(command)}: run it by hand to see why."
        raise RuntimeError(msg)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "megabytes": kilobytes / 1024}


def commands(frames, output, methods):
    """The command of each method, and of enfuse, on a stack of files."""
    files = [str(frame) for frame in frames]
    ours = {
        method: [sys.executable, "-m", "lib", "fuse", *files, "-o", str(output), *COMMANDS[method]]
        for method in methods
    }
    return ours | {"enfuse": ["enfuse", *ENFUSE, "-o", str(output), *files]}


def measure():
    """Measure all commands in one run.

    Returns
    -------
    dict
        "small": time, memory, PSNR and SSIM on a stack of `FRAMES` of the motorcycle. "large": time and
        memory on the same, enlarged to `LARGE`. "long": the same for `LONG` frames of the small size.
    """
    image, depth = scenes.scene("motorcycle")
    stack, _ = scenes.stack(image, depth, FRAMES)
    result = {"small": {}, "large": {}, "long": {}}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        output = folder / "out.tif"
        small, large = (
            [folder / f"{size}{n}.{end}" for n in range(FRAMES)] for size, end in (("s", "png"), ("l", "jpg"))
        )
        for n, frame in enumerate(stack):
            pictures.write(small[n], frame)
            pictures.write(large[n], cv2.resize(frame, LARGE, interpolation=cv2.INTER_LINEAR))
        for method, command in commands(small, output, COMMANDS).items():
            result["small"][method] = run(command) | against_truth(pictures.read(output).pixels, image)
            print("small", method, result["small"][method], flush=True)
        for size, frames in (("large", large), ("long", small * (LONG // FRAMES))):
            for method, command in commands(frames, output, FAST).items():
                result[size][method] = run(command)
                print(size, method, result[size][method], flush=True)
    return result


def main(profile="local", output=None):
    """Measure and record, or say what is missing."""
    if shutil.which("enfuse") is None:
        sys.exit("enfuse is not installed, so there is nothing to compare with: apt-get install enfuse")
    version = subprocess.run(["enfuse", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    start = time.perf_counter()
    result = measure() | {"enfuse": {"version": version, "options": ENFUSE}}
    records.write(
        output or paths.RESULTS / profile / "fusion_benchmark.json",
        result,
        profile=profile,
        data=f"motorcycle (scikit-image), {FRAMES} frames rendered by lib.optics; enlarged to 4000x3000",
        seed=0,
        seconds=time.perf_counter() - start,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
