"""Taking a run into the project: its records, its networks and their cards become those that the book shows.

And back: what is recorded and still holds can begin a run, which then makes the rest.
"""

import os
import shutil
import subprocess

from lib import paths, storage
from lib.studies import records, register, run
from lib.studies.profiles import PROFILES


class AdoptionError(ValueError):
    """A run that cannot be taken; the message says why."""


def adopt(profile):
    """Take the records, networks and cards of a whole run into ``data``, whole or not at all.

    What they replace goes: the networks, the records of this profile, and those of larger profiles, which were made
    with other networks and which the book would show instead.

    Parameters
    ----------
    profile : {"quick", "local", "full"}

    Returns
    -------
    list of Path
        The folders in ``data`` that are new or gone.

    Raises
    ------
    AdoptionError
        A record is missing or stale, was made on a changed tree, or with counts that were cut; a network is not that of
        its record; or one of the folders holds what git does not.
    """
    os.environ[paths.PROFILE] = profile
    if not (paths.run() / "records").exists():
        msg = f"There is no run at {paths.run()}: make reproduce PROFILE={profile}."
        raise AdoptionError(msg)
    found = [problem for name in register.studies() if (problem := _problem(name))]
    if found:
        msg = f"Nothing is taken from {paths.run()}: {'; '.join(found)}. Complete it: make reproduce PROFILE={profile}."
        raise AdoptionError(msg)
    moves = {paths.weights(): paths.DATA / "weights", paths.run() / "records": paths.RESULTS / profile}
    larger = [paths.RESULTS / each for each in PROFILES[PROFILES.index(profile) + 1 :]]
    gone = [folder for folder in larger if folder.exists()]
    if unsaved := _unsaved([*moves.values(), *gone]):
        msg = f"Adopting would lose what git does not hold: {', '.join(unsaved)}. Commit it, or move it away."
        raise AdoptionError(msg)
    _replace(moves, gone)
    return [*moves.values(), *gone]


def _problem(name):
    """Why a record cannot be taken, None where it can."""
    state = run.state(name)
    record = {} if state == records.NOT_RUN else records.read(name)
    if state not in run.HOLDING:
        return f"{name} is {state}"
    if "scale" in record:
        return f"{name} has cut counts"
    if not record["commit"] or "+" in record["commit"]:
        return f"{name} was made on a changed tree, or without git"
    made = register.get(name).makes
    if made and run.file_hash(paths.weights() / made) != record["networks"].get(made):
        return f"{made} is not the network of {name}"
    return None


def _unsaved(folders):
    """The first few files in folders that git does not hold as they are; none where there is no git."""
    try:
        told = records.git("status", "--porcelain", "--untracked-files=all", "-z", "--", *map(str, folders))
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line[3:] for line in told.split("\0") if line][:5]


def _replace(moves, gone):
    """Copy folders beside their targets, then swap all of them; what fails before the swap changes nothing."""
    fresh = {target: target.with_name(f".{target.name}.adopted") for target in moves.values()}
    old = {target: target.with_name(f".{target.name}.replaced") for target in [*moves.values(), *gone]}
    for target, aside in old.items():
        if aside.exists() and not target.exists():  # left by one that was killed
            aside.rename(target)
    for folder in [*fresh.values(), *old.values()]:
        shutil.rmtree(folder, ignore_errors=True)
    swapped = []
    try:
        for source, target in moves.items():
            shutil.copytree(source, fresh[target], ignore=shutil.ignore_patterns(".partial*"))
        for target, aside in old.items():
            if target.exists():
                target.rename(aside)
                swapped.append((aside, target))
        for target, folder in fresh.items():
            folder.rename(target)
    except BaseException:
        for aside, target in swapped:
            shutil.rmtree(target, ignore_errors=True)
            aside.rename(target)
        raise
    finally:
        for folder in fresh.values():
            shutil.rmtree(folder, ignore_errors=True)
    for aside in old.values():
        shutil.rmtree(aside, ignore_errors=True)


def begin(profile, keep=()):
    """Begin a run with what is recorded of its profile and still holds, so that it makes only the rest.

    What the run that was adopted had kept, stale as it was, is kept again while the code does not change.

    Parameters
    ----------
    profile : {"quick", "local", "full"}
    keep : collection of str
        Studies whose records are taken although they are stale.

    Returns
    -------
    list of str
        The studies whose records, with networks and cards, the run has got.

    Raises
    ------
    ValueError
        There is no study of that name to keep.
    """
    for name in keep:
        register.get(name)  # says which there are
    os.environ.pop(paths.PROFILE, None)
    holds = [name for name in register.studies() if name in keep or run.state(name, profile) in run.HOLDING]
    source, recorded = paths.weights(), {name: records.path(name, profile) for name in holds}
    os.environ[paths.PROFILE] = profile
    taken = []
    for name, path in recorded.items():
        if path.exists() and not records.path(name).exists():
            record = records.load(path)
            if made := register.get(name).makes:
                for file in (source / made).parent.glob((source / made).stem + ".*"):
                    with storage.whole(paths.weights() / file.relative_to(source)) as copy:
                        shutil.copy(file, copy)
            if name in keep:
                own = {made: run.file_hash(source / made)} if made else {}
                record |= {"study": name, "kept": register.get(name).code, "networks": record.get("networks", {}) | own}
            storage.write_json(records.path(name), record)
            taken.append(name)
    return taken
