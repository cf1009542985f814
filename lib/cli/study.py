"""``defocus study``."""

import os

import click

from lib import paths
from lib.cli.options import PROFILES, import_tensorflow, refuse_given


@click.command("study")
@click.argument("name", required=False)
@click.option("--profile", type=click.Choice(PROFILES), help="How much of the paper is repeated. [default: quick]")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--scale", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Cut all counts, to see that it runs."
)
def study_command(name, profile, seed, scale):
    """Run the study NAME, or list all, with minutes and whether their records still hold.

    What a study measures or trains lies in runs/PROFILE; `make adopt PROFILE=...` takes a whole run into data/. The
    list tells of the records that come with the project, with --profile of those of a run.
    """
    if not name:
        refuse_given({"seed", "scale"}, "without the NAME of a study")
    if name or profile:
        os.environ[paths.PROFILE] = profile or PROFILES[0]  # before anything looks for networks
    if name:
        import_tensorflow()
    from lib.studies import register, run

    if name:
        click.echo(run.run(name, profile or PROFILES[0], seed, scale))
        return
    shown = [profile] if profile else PROFILES
    for each in register.studies().values():
        found = [f"{p} {each.minutes[p]:g} min, {run.state(each.name, p)}" for p in shown]
        click.echo(f"{each.name:36} {'; '.join(found)}")
