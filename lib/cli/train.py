"""``defocus train``."""

from pathlib import Path

import click

from lib import patches, paths
from lib.cli.jobs import UserError, check_own_folder, check_writable, progress
from lib.cli.options import PROFILES, import_tensorflow, quiet_option


@click.command("train")
@click.argument("network", default="mobilenet_v2")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default=PROFILES[0],
    show_default=True,
    help="Bundled photos for minutes, registry photos for hours, or the paper's DIV2K and 100 epochs.",
)
@click.option(
    "--reading",
    type=click.Choice(sorted(patches.READINGS)),
    default="lens",
    show_default=True,
    help="How patches are blurred: as the paper reads, or as a lens does it.",
)
@click.option(
    "--split",
    type=click.Choice(["photo", "patch"]),
    default="photo",
    show_default=True,
    help="What the sets share out.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--samples", type=click.IntRange(min=1), help="Samples seen in all. [default: the profile's]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the run; one that holds a killed run goes on. [default: runs/NETWORK-READING-PROFILE]",
)
@quiet_option
def train_command(network, profile, reading, split, seed, samples, output, quiet):
    """Train NETWORK and test it; a killed run goes on where it stopped.

    The folder of the run gets weights.keras (for --model), record.json (the results), card.md and,
    while it runs, checkpoints.
    """
    import_tensorflow()
    from lib import classifiers
    from lib.studies import trainings

    if network not in classifiers.NETWORKS:
        msg = f"Unknown network {network!r}: expected one of {', '.join(classifiers.NETWORKS)}."
        raise UserError(msg)
    output = output or paths.ROOT / "runs" / f"{network}-{reading}-{profile}"
    check_writable(output / "record.json")
    check_own_folder(output, ("record.json", "state.json", "data"))
    record = trainings.run_profile(network, profile, reading, output, split, seed, samples, progress(network, " steps"))
    test = record["result"]["test"]
    if quiet:
        return
    click.echo(
        f"wrote {output / 'weights.keras'}: test accuracy {test['accuracy']:.3f}, "
        f"mean absolute error {test['mean_absolute_error']:.3f} px of sigma"
    )
