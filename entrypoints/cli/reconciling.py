"""The commands of reconciliation: what they take and what they teach."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import AsJson, ProviderId

HELP = "Hold a provider's statement against our books."

EXAMPLES = {
    "reconcile": """\
Examples:
  cashout reconcile orange_money statement.csv --dry-run
  cashout reconcile orange_money statement.csv --from 2026-11-22 --until 2026-11-23
  cashout reconcile afrimoney statement.csv --csv breaks.csv

What a line proves ends open cash-outs and raises reviews; a line that is missing proves nothing.
The same file again changes nothing. Exit code 1 while a break is open or a line cannot be read.
""",
    "runs": """\
Examples:
  cashout reconcile runs
  cashout reconcile runs --provider orange_money --json
""",
    "explain": """\
Example:
  cashout reconcile explain 019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b "It is on tomorrow's statement."

The books still disagree: an explanation moves no money and no state.
""",
}

_Moment = Annotated[str | None, Parameter(show_default=False)]
_By = Annotated[
    str,
    Parameter(
        name="--by",
        help="For whom it is done. The log names your account, and this as a claim.",
        show_default=False,
    ),
]


async def reconcile(
    provider: ProviderId,
    file: Annotated[Path, Parameter(help="The statement, as CSV.")],
    /,
    *,
    since: Annotated[
        _Moment,
        Parameter(
            name="--from",
            help="When the statement's period begins; a bare date is 00:00 UTC."
            " Otherwise the time of its first line.",
        ),
    ] = None,
    until: Annotated[
        _Moment,
        Parameter(help="When its period ends. Otherwise the time of its last line."),
    ] = None,
    as_json: AsJson = False,
    csv: Annotated[
        Path | None, Parameter(show_default=False, help="Write the breaks to this file.")
    ] = None,
    dry_run: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Compare only: tell nobody, keep nothing."),
    ] = False,
    by: _By = "",
) -> int:
    """Reconcile a provider's statement with our books."""
    from entrypoints.cli.reconciliation import Asked, reconcile_file

    asked = Asked(provider, file, since, until, csv, by, dry_run=dry_run, as_json=as_json)
    return await reconcile_file(asked)


async def runs(
    *,
    provider: Annotated[str | None, Parameter(show_default=False, help="Of this one only.")] = None,
    limit: Annotated[
        int, Parameter(validator=Number(gte=1, lte=200), help="At most so many.")
    ] = 20,
    as_json: AsJson = False,
) -> int:
    """List the runs, newest first."""
    from entrypoints.cli.reconciliation import list_runs

    return await list_runs(provider, limit, as_json=as_json)


async def explain(
    break_id: Annotated[UUID, Parameter(help="The break's id, from --json or --csv.")],
    note: Annotated[str, Parameter(help="Why the books disagree.")],
    /,
    *,
    by: _By = "",
) -> int:
    """Note why the books disagree, so that a break no longer counts as open."""
    from entrypoints.cli.reconciliation import explain_break

    return await explain_break(break_id, note, by)
