"""The command that proves things: what it takes and what it teaches."""

from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import AsJson

EXAMPLES = {
    "simulate": """\
Examples:
  cashout simulate
  cashout simulate --seeds 1000000 --jobs 8
  cashout simulate --from 4711 --seeds 1
  cashout simulate --crash-points
  cashout simulate --crash-at orange_money:304:server:12,40
  cashout simulate --crash-points --short 124 --pairs 200000 --jobs 8

A seed that breaks something is made smaller and told as a line that replays it; exit code 1.
Ctrl-C ends a long run with what it has shown by then, and the line to go on with.
""",
}

_SEEDS: Final = 2_000
_PAIRS: Final = 20_000

_Seeds = Annotated[
    int | None,
    Parameter(
        validator=Number(gte=1, lte=100_000_000),
        show_default=False,
        help=f"How many schedules. [default: {_SEEDS}]",
    ),
]
_Pairs = Annotated[
    int | None,
    Parameter(
        validator=Number(gte=0, lte=100_000_000),
        show_default=False,
        help=f"Of those pairs, how many. [default: {_PAIRS}]",
    ),
]
_Short = Annotated[
    int | None,
    Parameter(
        validator=Number(gte=0, lte=1_000),
        show_default=False,
        help="Every pair of the scenarios that have at most so many awaits.",
    ),
]
_Few = Annotated[
    int | None,
    Parameter(validator=Number(gte=1, lte=100), show_default=False, help="At most so many."),
]

_First = Annotated[
    int | None,
    Parameter(
        name="--from",
        validator=Number(gte=0),
        show_default=False,
        help="The first seed; otherwise one that was never tried before.",
    ),
]
_CrashAt = Annotated[
    str | None,
    Parameter(
        show_default=False,
        help="Instead: one of those again, as PROVIDER:SCENARIO:STORE:AWAITS.",
    ),
]


def simulate(
    *,
    seeds: _Seeds = None,
    start: _First = None,
    jobs: Annotated[int, Parameter(validator=Number(gte=1, lte=256), help="Cores to use.")] = 1,
    crash_points: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Instead: die at every await of every scenario, and at sampled pairs.",
        ),
    ] = False,
    crash_at: _CrashAt = None,
    pairs: _Pairs = None,
    short: _Short = None,
    without: Annotated[
        str, Parameter(show_default=False, help="Faults to leave out, separated by commas.")
    ] = "",
    skip: Annotated[
        str,
        Parameter(show_default=False, help="Cash-outs to leave out, from 0, between commas."),
    ] = "",
    users: _Few = None,
    cash_outs: _Few = None,
    processes: _Few = None,
    as_json: AsJson = False,
) -> int:
    """Run the whole service in virtual time under faults drawn by a seed, and check what must hold.

    Every schedule has its own crashes, pauses, outages, lost answers, clocks and attackers. When
    they are over, each cash-out must have ended or be in review, and agree with the provider's
    ledger. Nothing is opened, sent or kept.
    """
    from entrypoints.cli.simulation import (
        alone,
        crash_again,
        explore,
        fight_through,
        reduction_of,
    )

    of_seeds: dict[str, object] = {"--seeds": seeds, "--from": start}
    of_seeds |= {"--without": without or None, "--skip": skip or None}
    of_seeds |= {"--users": users, "--cash-outs": cash_outs, "--processes": processes}
    of_crashes: dict[str, object] = {"--pairs": pairs, "--short": short}
    if crash_at is not None:
        others = {**of_seeds, **of_crashes, "--crash-points": crash_points or None}
        alone(others, "--crash-at runs one schedule: it does not go with")
        return crash_again(crash_at, as_json=as_json)
    if crash_points:
        alone(of_seeds, "--crash-points tries every await: it does not go with")
        most = _PAIRS if pairs is None else pairs
        return explore(pairs=most, short=short or 0, jobs=jobs, as_json=as_json)
    alone(of_crashes, "only --crash-points takes")
    by = reduction_of(without, skip, users=users, cash_outs=cash_outs, processes=processes)
    return fight_through(seeds or _SEEDS, start, jobs=jobs, by=by, as_json=as_json)
