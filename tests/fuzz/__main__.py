"""The long runs of fuzzing.

python -m tests.fuzz atheris TARGET --seconds 60    one target, or `all` of them one by one
python -m tests.fuzz http --cases 20000 [--seed N]  a real server under schemathesis
python -m tests.fuzz list                           the names of the targets
"""

import argparse
import sys
from collections.abc import Sequence

from tests.fuzz.campaign import run_campaign
from tests.fuzz.targets import TARGETS


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; return 0 when nothing broke, 1 else."""
    asked = _parser().parse_args(arguments)
    result: int = asked.run(asked)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    commands = parser.add_subparsers(required=True)
    guided = commands.add_parser("atheris", help="coverage-guided, one target or all")
    guided.add_argument("target", choices=[*TARGETS, "all"])
    guided.add_argument("--seconds", type=int, default=60)
    guided.add_argument("--seed", type=int)
    guided.set_defaults(run=_atheris)
    over_http = commands.add_parser("http", help="a real server under schemathesis")
    over_http.add_argument("--cases", type=int, default=20_000)
    over_http.add_argument("--seed", type=int)
    over_http.add_argument("--role", choices=["user", "admin"])
    over_http.add_argument("--examples", type=int)
    over_http.set_defaults(run=_http)
    listing = commands.add_parser("list", help="the names of the targets")
    listing.set_defaults(run=_list)
    return parser


def _atheris(asked: argparse.Namespace) -> int:
    broken = 0
    for name in TARGETS if asked.target == "all" else [asked.target]:
        campaign = run_campaign(name, asked.seconds, asked.seed)
        _say(campaign.line)
        if campaign.broken:
            broken += 1
            _say(campaign.broken)
    _say(f"{broken} targets broken")
    return 1 if broken else 0


def _http(asked: argparse.Namespace) -> int:
    from tests.fuzz.real_server import fuzz_real_server  # noqa: PLC0415 -- for this command alone

    return fuzz_real_server(asked.cases, asked.seed, _say, asked.role, asked.examples)


def _list(_: argparse.Namespace) -> int:
    _say("\n".join(TARGETS))
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
