"""``defocus reproduce``."""

import os
from pathlib import Path

import click

from lib import paths
from lib.cli.jobs import check_own_folder, check_writable, progress
from lib.cli.options import PROFILES, quiet_option


@click.command("reproduce")
@click.argument("names", metavar="[CHAPTERS]...", nargs=-1)
@click.option("--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the results. [default: runs/PROFILE/chapters]",
)
@quiet_option
def reproduce_command(names, profile, seed, output, quiet):
    """Run the CHAPTERS of the book, all by default, and collect their figures and tables.

    They print what the studies of this profile have recorded, in runs/PROFILE, and use the networks that it has trained
    (`make reproduce` runs all of that). Chapters whose results are there and still hold are not run again.
    """
    os.environ[paths.PROFILE] = profile  # before anything looks for records and networks
    from lib.studies import chapters

    output = output or paths.run() / "chapters"
    check_writable(output / "any")
    names = names or chapters.chapters()
    for name in names:
        check_own_folder(output / name, (chapters.RECORD,))
    done = chapters.reproduce(
        names, output, {"profile": profile, "seed": seed}, progress=progress("chapters", " chapters")
    )
    for name, record in ({} if quiet else done).items():
        figures, tables = (len(record["result"][kind]) for kind in ("figures", "tables"))
        click.echo(f"wrote {output / name}: {figures} figures, {tables} tables, {record['seconds']:.0f} s")
