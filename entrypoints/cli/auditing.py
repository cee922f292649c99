"""The commands that look into what is stored: what they take and what they teach."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import AsJson, CashOutId, User

EXAMPLES = {
    "verify": """\
Examples:
  cashout verify
  cashout verify --jobs 2 --json

Reads everything at one moment while the service runs on, and changes nothing. Each break is named:
what it is about, what was expected and what was found. Keep the root elsewhere: it tells whether a
restored backup holds the same. Exit code 1 says that something does not agree.
""",
    "explain": """\
Examples:
  cashout explain 0199a3c2-7f1e-7c3a-9d52-6b1f0e8a4c11
  cashout explain 0199a3c2-7f1e-7c3a-9d52-6b1f0e8a4c11 --as-owner user-1 --language fr
""",
}


async def verify(
    *,
    jobs: Annotated[
        int | None,
        Parameter(
            validator=Number(gte=1, lte=64),
            show_default=False,
            help="Processes that read at once, on PostgreSQL. [default: one for each core]",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check that everything stored agrees with itself: chains, limits, events, states, totals."""
    from entrypoints.cli.verifying import verify_books

    return await verify_books(jobs, as_json=as_json)


async def explain(
    cash_out_id: CashOutId,
    /,
    *,
    user: User = "cli",
    as_owner: Annotated[
        str | None,
        Parameter(show_default=False, help="Tell what this user may see; all of it otherwise."),
    ] = None,
    language: Annotated[
        Literal["en", "fr"], Parameter(help="Of the sentences that are safe to show.")
    ] = "en",
    as_json: AsJson = False,
) -> int:
    """Tell the story of a cash-out: what happened, what is open, what comes next, what it risks."""
    from entrypoints.cli.explaining import explain_cash_out

    return await explain_cash_out(cash_out_id, user, as_owner, language, as_json=as_json)
