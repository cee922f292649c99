"""The command line: a second entrance to the same use cases as the HTTP API."""

import gc
import sys


def main() -> None:
    """Run the command that was typed, and end the process with its exit code."""
    # Almost everything that is imported lives as long as the process: look for garbage seldom.
    gc.set_threshold(50_000, 20, 50)
    # Late, so that importing a single module of this package does not load all commands.
    from entrypoints.cli.program import run

    sys.exit(run(sys.argv[1:]))
