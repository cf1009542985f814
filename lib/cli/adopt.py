"""``defocus adopt``."""

import os

import click

from lib import paths
from lib.cli.options import PROFILES, refuse_given


@click.command("adopt")
@click.option("--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True)
@click.option("--begin", is_flag=True, help="The other way: begin a run with what data/ has of it and still holds.")
@click.option("--keep", multiple=True, metavar="STUDY", help="With --begin: take this record, stale or not.")
def adopt_command(profile, begin, keep):
    """Take the networks, cards and records of a whole run, runs/PROFILE, into data/, where the book reads them.

    What was there goes, the records of larger profiles too, which were made with other networks; what git does not
    hold is not lost: it is named, and nothing is taken.
    """
    from lib.studies import adopt

    if begin:
        click.echo(f"{profile}: {', '.join(adopt.begin(profile, keep)) or 'nothing more that holds'}")
        return
    refuse_given({"keep"}, "without --begin")
    from lib.studies import results

    results.around()  # a README without the table's marks is told of before anything is taken
    for folder in adopt.adopt(profile):
        click.echo(f"{'new' if folder.exists() else 'gone'}: {folder}")
    os.environ.pop(paths.PROFILE, None)  # from here on as the book is built: from data/
    results.write()
    click.echo("new: the results in README.md, and codecheck.yml")
