"""The command line: a second entrance to the same use cases as the HTTP API."""

import sys


def main() -> None:
    """Run the command that was typed, and end the process with its exit code."""
    # Late, so that importing a single module of this package does not load all commands.
    from entrypoints.cli.program import run

    sys.exit(run(sys.argv[1:]))
