"""The commands about reviews: what they take and what they teach."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import AsJson, CashOutId

HELP = "Settle what no machine may decide: who proposes and who approves are two people."

EXAMPLES = {
    "list": """\
Examples:
  cashout review list
  cashout review list --reason contradiction --older-than 60
  cashout review list --json
""",
    "show": """\
Example:
  cashout review show 019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b
""",
    "propose": """\
Examples:
  cashout review propose 019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b paid \\
    --reason "line 17 says so" --proof statement_line --proof-reference 2026-11-24/17
  cashout review propose 019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b keep_waiting --reason "they look"

You act as the account that you are on this machine as; with --token as whom that names.
""",
    "approve": """\
Example:
  cashout review approve 4f9b7f0a-7c3c-4a0e-9d3e-0f4d4f1f2a3b --token "$AMADOUS"

Judged, stored, told and logged at once. An open cash-out is completed or failed by it; one that
has ended stays as it is, and others are told whether the ruling agrees.
""",
    "reject": """\
Example:
  cashout review reject 4f9b7f0a-7c3c-4a0e-9d3e-0f4d4f1f2a3b --reason "that line is another's"
""",
    "withdraw": """\
Example:
  cashout review withdraw 4f9b7f0a-7c3c-4a0e-9d3e-0f4d4f1f2a3b
""",
    "orphans": """\
Examples:
  cashout review orphans
  cashout review orphans --json
""",
    "replay": """\
Example:
  cashout review replay 6d0f4f1f-7c3c-4a0e-9d3e-7f0a4f9b2a3b

Any number of times makes no difference: what was judged is not judged again.
""",
    "dismiss": """\
Example:
  cashout review dismiss 6d0f4f1f-7c3c-4a0e-9d3e-7f0a4f9b2a3b --reason "a test of theirs"
""",
}

Token = Annotated[
    str, Parameter(show_default=False, help="Act as whom this token of the API names.")
]
ProposalId = Annotated[str, Parameter(help="The id that `cashout review propose` printed.")]
DeliveryId = Annotated[str, Parameter(help="The id that `cashout review orphans` printed.")]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=100), help="At most so many.")]
Why = Annotated[str, Parameter(help="Why, in words for colleagues.")]


async def list_(
    *,
    reason: Annotated[str, Parameter(show_default=False, help="Of this reason only.")] = "",
    provider: Annotated[str, Parameter(show_default=False, help="Of this provider only.")] = "",
    older_than: Annotated[
        int,
        Parameter(validator=Number(gte=0), help="Only what has waited for so many minutes."),
    ] = 0,
    limit: Limit = 50,
    token: Token = "",
    as_json: AsJson = False,
) -> int:
    """List what waits for operators, the oldest first, and what is at risk."""
    from entrypoints.cli.reviews import list_reviews

    return await list_reviews(reason, provider, older_than, limit, token, as_json=as_json)


async def show(cash_out_id: CashOutId, /, *, token: Token = "", as_json: AsJson = False) -> int:
    """Show one cash-out's review: what it is about, what was proposed, what you may do."""
    from entrypoints.cli.reviews import show_review

    return await show_review(cash_out_id, token, as_json=as_json)


async def propose(
    cash_out_id: CashOutId,
    resolution: Annotated[
        Literal["paid", "not_paid", "keep_waiting"], Parameter(help="Was it paid?")
    ],
    /,
    *,
    reason: Why,
    proof: Annotated[
        Literal["provider_receipt", "statement_line", "provider_portal"] | None,
        Parameter(show_default=False, help="What says so; needed for paid and not_paid."),
    ] = None,
    proof_reference: Annotated[
        str, Parameter(show_default=False, help="Its number, line or page.")
    ] = "",
    proof_text: Annotated[str, Parameter(show_default=False, help="What it says.")] = "",
    transaction_id: Annotated[
        str, Parameter(show_default=False, help="The provider's id, where the proof names it.")
    ] = "",
    token: Token = "",
    as_json: AsJson = False,
) -> int:
    """Propose how a review is settled; nothing changes before somebody else approves."""
    from entrypoints.cli.reviews import Written, propose_resolution

    written = Written(resolution, reason, proof, proof_reference, proof_text, transaction_id)
    return await propose_resolution(cash_out_id, written, token, as_json=as_json)


async def approve(
    proposal_id: ProposalId,
    /,
    *,
    reason: Annotated[str, Parameter(show_default=False, help="What you add, if anything.")] = "",
    token: Token = "",
    as_json: AsJson = False,
) -> int:
    """Settle a review as somebody else proposed."""
    from entrypoints.cli.reviews import approve_resolution

    return await approve_resolution(proposal_id, reason, token, as_json=as_json)


async def reject(
    proposal_id: ProposalId, /, *, reason: Why, token: Token = "", as_json: AsJson = False
) -> int:
    """Turn a proposal down: the review stays open."""
    from entrypoints.cli.reviews import reject_resolution

    return await reject_resolution(proposal_id, reason, token, as_json=as_json)


async def withdraw(
    proposal_id: ProposalId,
    /,
    *,
    reason: Annotated[str, Parameter(show_default=False, help="Why, if you like.")] = "",
    token: Token = "",
    as_json: AsJson = False,
) -> int:
    """Take your own proposal back."""
    from entrypoints.cli.reviews import withdraw_resolution

    return await withdraw_resolution(proposal_id, reason, token, as_json=as_json)


async def orphans(*, limit: Limit = 50, token: Token = "", as_json: AsJson = False) -> int:
    """List webhooks for which there is no cash-out, the oldest first."""
    from entrypoints.cli.reviews import list_orphans

    return await list_orphans(limit, token, as_json=as_json)


async def replay(delivery_id: DeliveryId, /, *, token: Token = "", as_json: AsJson = False) -> int:
    """Have a stored webhook judged again."""
    from entrypoints.cli.reviews import replay_webhook

    return await replay_webhook(delivery_id, token, as_json=as_json)


async def dismiss(
    delivery_id: DeliveryId, /, *, reason: Why, token: Token = "", as_json: AsJson = False
) -> int:
    """Put a webhook aside that is nobody's; it is kept."""
    from entrypoints.cli.reviews import dismiss_webhook

    return await dismiss_webhook(delivery_id, reason, token, as_json=as_json)
