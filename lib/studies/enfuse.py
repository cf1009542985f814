"""Compares ``defocus fuse`` with enfuse.

Enfuse is a program for panoramas and stacks that is not part of this project; on Debian ``apt-get install enfuse``
brings it. Both get the same files, rendered from a scene whose truth is known, and run as commands of their own; of
each, time, peak memory and quality are recorded.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from lib import images, paths, scenes
from lib.studies.fusion import NEEDS, against_truth
from lib.studies.register import study

FRAMES = 5
LARGE = {"quick": (1000, 750), "local": (4000, 3000), "full": (4000, 3000)}
"""Width and height to which the stack is enlarged to measure time and memory: 12 megapixels."""
LONG = {"quick": 10, "local": 50, "full": 50}
"""Frames of the long stack: those of the small one, again and again."""
ENFUSE = ("--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask")
"""What enfuse's manual advises for focus stacks."""
COMMANDS = {
    "defocus": ("--method", "defocus"),
    "defocus, no maps": ("--method", "defocus", "--no-map"),
    "paper, step 8": ("--method", "paper", "--estimator", "paper", "--step", "8"),
    "gff": ("--method", "gff"),
    "gfdf": ("--method", "gfdf"),
    "ifgd": ("--method", "ifgd"),
}
FAST = ("defocus, no maps",)
"""What is run beside enfuse on the large stack and the long one, where the maps would take most of the time."""


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
    """The command of each method, and of enfuse where it is installed, on a stack of files."""
    files = [str(frame) for frame in frames]
    ours = {
        method: [sys.executable, "-m", "lib", "fuse", *files, "-o", str(output), "--force", *COMMANDS[method]]
        for method in methods
    }
    theirs = {"enfuse": ["enfuse", *ENFUSE, "-o", str(output), *files]} if shutil.which("enfuse") else {}
    return ours | theirs


@study("fusion_benchmark", minutes=(1.5, 4, 4), data="", needs=(*NEEDS[:1], "train_one_pass"))
def benchmark(job):
    """Time, memory and quality of our fusion as a command, beside enfuse.

    Returns
    -------
    dict
        "small": time, memory, PSNR and SSIM on a stack of `FRAMES` of the motorcycle. "large": time and
        memory on the same, enlarged to `LARGE`. "long": the same for `LONG` frames of the small size.
    """
    sizes = "quick" if job.small else job.profile
    width, height = LARGE[sizes]
    job.data = f"motorcycle, {FRAMES} frames rendered by lib.optics; enlarged to {width}x{height}"
    image, depth = scenes.motorcycle()
    stack, _ = scenes.stack(image, depth, FRAMES)
    result = {"small": {}, "large": {}, "long": {}}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        output = folder / "out.tif"
        small, large = (
            [folder / f"{size}{n}.{end}" for n in range(FRAMES)] for size, end in (("s", "png"), ("l", "jpg"))
        )
        for n, frame in enumerate(stack):
            pixels = images.to_uint8(frame)[..., ::-1]
            cv2.imwrite(str(small[n]), pixels)
            cv2.imwrite(str(large[n]), cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR))
        for method, command in commands(small, output, COMMANDS).items():
            result["small"][method] = run(command) | against_truth(images.read(output), image)
            job.say(f"small {method} {result['small'][method]}")
        for size, frames in (("large", large), ("long", small * (LONG[sizes] // FRAMES))):
            for method, command in commands(frames, output, FAST).items():
                result[size][method] = run(command)
                job.say(f"{size} {method} {result[size][method]}")
    return result | {"enfuse": {"version": _version(), "options": ENFUSE}}


def _version():
    """What enfuse says it is, None where it is not installed."""
    if shutil.which("enfuse") is None:
        return None
    return subprocess.run(["enfuse", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
