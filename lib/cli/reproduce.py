"""``python -m lib reproduce``."""

from pathlib import Path

import click

from lib import paths
from lib.cli.common import check_writable, progress


@click.command("reproduce")
@click.argument("chapters", nargs=-1)
@click.option("--profile", type=click.Choice(["quick", "local", "full"]), default="quick", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the results. [default: data/results/PROFILE/chapters]",
)
def reproduce_command(chapters, profile, seed, output):
    """Run the CHAPTERS of the book, all by default, and collect their figures and tables.

    Chapters whose results are there and still hold are not run again, so a killed run goes on.
    """
    from lib import reproduce

    output = output or paths.RESULTS / profile / "chapters"
    check_writable(output / "any")
    names = chapters or reproduce.chapters()
    done = reproduce.reproduce(
        names, output, {"profile": profile, "seed": seed}, progress=progress("chapters", " chapters")
    )
    for name, record in done.items():
        figures, tables = (len(record["result"][kind]) for kind in ("figures", "tables"))
        click.echo(f"{output / name}: {figures} figures, {tables} tables, {record['seconds']:.0f} s")
