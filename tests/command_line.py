"""The command line, called as a function."""

from lib import cli


def run(*words):
    """Run a command in this process; the exit status."""
    try:
        cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code
    return 0
