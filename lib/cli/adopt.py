"""``defocus adopt``."""

import click

PROFILES = ("quick", "local", "full")


@click.command("adopt")
@click.option("--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True)
@click.option("--begin", is_flag=True, help="The other way: begin a run with what data/ has of it and still holds.")
@click.option("--keep", multiple=True, metavar="STUDY", help="With --begin: take this record, stale or not.")
def adopt_command(profile, begin, keep):
    """Take the networks, cards and records of a whole run, runs/PROFILE, into data/, where the book reads them.

    Records of larger profiles, which were made with other networks, go.
    """
    from lib.studies import adopt

    if begin:
        click.echo(f"{profile}: {', '.join(adopt.begin(profile, keep)) or 'nothing that holds'}")
        return
    for folder in adopt.adopt(profile):
        click.echo(folder)
