"""Reviews on the terminal: listed, shown, proposed, decided; and webhooks of nobody's."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from adapters.web.review_schemas import OrphansView, ProposalView, QueueView, ReviewFileView
from adapters.web.review_views import (
    dismissed_view,
    file_view,
    orphan_view,
    proposal_view,
    replayed_view,
    review_view,
    settled_view,
    sum_view,
)
from application.ports import QueueFilter
from application.reviews import ReviewAction
from application.rule_on_reviews import AskedResolution
from domain.evidence import Proof, ProofKind, Resolution, ReviewReason
from domain.refusals import NotFound
from entrypoints.cli.acting import acting
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.service_here import print_json, read_id, service_here
from entrypoints.cli.terminal import Terminal, status_text

_COLUMNS = ("cash-out", "waits", "about", "status", "provider", "amount", "proposed")
_ORPHANS = ("webhook", "waits", "provider", "reference", "says")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody typed to propose; empty where nothing was."""

    resolution: str
    reason: str
    proof: str | None
    proof_reference: str
    proof_text: str
    transaction_id: str

    def asked(self, seen: str) -> AskedResolution:
        """Return what is proposed about what was looked at."""
        proof = None
        if self.proof is not None:
            proof = Proof(ProofKind(self.proof), self.proof_reference, self.proof_text)
        return AskedResolution(
            Resolution(self.resolution), self.reason, proof, self.transaction_id or None, seen
        )


async def list_reviews(
    reason: str, provider: str, older_than: int, limit: int, token: str, *, as_json: bool
) -> int:
    """Print what waits for operators, and what all of it comes to."""
    terminal = Terminal()
    async with service_here() as service:
        caller, now, desk = await acting(service, token), service.clock.now(), service.desk
        which = QueueFilter(
            reason=_reason(reason) if reason else None,
            provider=provider or None,
            opened_before=now - timedelta(minutes=older_than) if older_than else None,
        )
        page = await desk.read(caller, which, limit)
        sums = await desk.read.sums(caller)
    view = QueueView(
        reviews=[review_view(each.cash_out, each.proposal, caller, now) for each in page.reviews],
        sums=[sum_view(each) for each in sums],
    )
    if as_json:
        print_json(terminal, view)
        return Exit.DONE
    rows = [
        (
            each.cash_out_id,
            _span(each.age_seconds or 0),
            ", ".join(each.concerns) or str(each.reason),
            status_text(each.status),
            each.provider,
            f"{bytes(each.amount).decode()} {each.currency}",
            f"{each.proposal.resolution} by {each.proposal.proposed_by}" if each.proposal else "",
        )
        for each in view.reviews
    ]
    terminal.table(_COLUMNS, rows)
    for total in view.sums:
        at_risk = f"{bytes(total.at_risk).decode()} {total.currency}"
        terminal.say(f"{total.count} {total.reason} at {total.provider}: {at_risk} at risk")
    if page.behind is not None:
        terminal.say("There are more: ask for one reason or provider, or raise --limit.")
    return Exit.DONE


async def show_review(cash_out_id: str, token: str, *, as_json: bool) -> int:
    """Print all that there is to one cash-out's reviews."""
    terminal = Terminal()
    async with service_here() as service:
        caller = await acting(service, token)
        found = await service.desk.read.one(caller, read_id(cash_out_id))
        view = file_view(found, caller, service.clock.now())
    if as_json:
        print_json(terminal, view)
    else:
        _print_file(terminal, view)
    return Exit.DONE


async def propose_resolution(
    cash_out_id: str, written: Written, token: str, *, as_json: bool
) -> int:
    """Propose, about what is known at this moment."""
    terminal = Terminal()
    async with service_here() as service:
        caller, named = await acting(service, token), read_id(cash_out_id)
        found = await service.desk.read.one(caller, named)
        proposal = await service.desk.propose(caller, named, written.asked(found.seen))
        alone = not service.desk.four_eyes
    view = proposal_view(proposal)
    if as_json:
        print_json(terminal, view)
        return Exit.DONE
    terminal.data(view.proposal_id)
    terminal.say("It has to be approved." if alone else "Somebody else has to approve it.")
    return Exit.DONE


async def approve_resolution(proposal_id: str, reason: str, token: str, *, as_json: bool) -> int:
    """Approve, and print what became of the cash-out."""
    terminal = Terminal()
    async with service_here() as service:
        caller = await acting(service, token)
        settled = await service.desk.approve(caller, _id(proposal_id, "proposal"), reason)
    view = settled_view(settled)
    if as_json:
        print_json(terminal, view)
        return Exit.DONE
    terminal.data(view.status)
    if view.agrees is False:
        terminal.say("The ruling says otherwise: the state stays, and others are told.")
    if not settled.proposal.four_eyes:
        terminal.say("One person was enough; log and evidence say so.")
    return Exit.DONE


async def reject_resolution(proposal_id: str, reason: str, token: str, *, as_json: bool) -> int:
    """Reject, and print the proposal as it is then."""
    async with service_here() as service:
        caller = await acting(service, token)
        done = await service.desk.reject(caller, _id(proposal_id, "proposal"), reason)
    return _print_proposal(proposal_view(done), as_json=as_json)


async def withdraw_resolution(proposal_id: str, reason: str, token: str, *, as_json: bool) -> int:
    """Withdraw, and print the proposal as it is then."""
    async with service_here() as service:
        caller = await acting(service, token)
        done = await service.desk.withdraw(caller, _id(proposal_id, "proposal"), reason)
    return _print_proposal(proposal_view(done), as_json=as_json)


async def list_orphans(limit: int, token: str, *, as_json: bool) -> int:
    """Print webhooks of nobody's."""
    terminal = Terminal()
    async with service_here() as service:
        caller, now = await acting(service, token), service.clock.now()
        page = await service.desk.read.orphans(caller, limit)
    view = OrphansView(webhooks=[orphan_view(each, caller, now) for each in page.deliveries])
    if as_json:
        print_json(terminal, view)
        return Exit.DONE
    rows = [
        (each.delivery_id, _span(each.age_seconds), each.provider, each.reference, each.word)
        for each in view.webhooks
    ]
    terminal.table(_ORPHANS, rows)
    return Exit.DONE


async def replay_webhook(delivery_id: str, token: str, *, as_json: bool) -> int:
    """Have a webhook judged again, and print what became of it."""
    terminal = Terminal()
    async with service_here() as service:
        caller = await acting(service, token)
        done = await service.desk.replay(caller, _id(delivery_id, "webhook"))
    view = replayed_view(done)
    if as_json:
        print_json(terminal, view)
    else:
        terminal.data(view.outcome)
    return Exit.DONE


async def dismiss_webhook(delivery_id: str, reason: str, token: str, *, as_json: bool) -> int:
    """Put a webhook aside."""
    terminal = Terminal()
    async with service_here() as service:
        caller = await acting(service, token)
        done = await service.desk.dismiss(caller, _id(delivery_id, "webhook"), reason)
    view = dismissed_view(done)
    if as_json:
        print_json(terminal, view)
    else:
        terminal.say(f"Put aside by {view.dismissed_by}; it is kept.")
    return Exit.DONE


def _print_file(terminal: Terminal, view: ReviewFileView) -> None:
    review = view.review
    lines: list[tuple[str, str]] = [
        ("cash-out", review.cash_out_id),
        ("status", review.status),
        ("amount", f"{bytes(review.amount).decode()} {review.currency} by {review.provider}"),
        ("payee", review.provider_account_id),
        ("reference", review.reference),
        ("about", ", ".join(review.concerns) or str(review.reason or "no open review")),
        ("ruled", f"{view.ruled} at {view.reviewed_at}" if view.ruled else "never"),
        ("you may", ", ".join(view.allowed_actions) or "only look"),
    ]
    for name, value in lines:
        terminal.data(f"{name:<10} {value}")
    for each in view.proposals:
        terminal.data(_line(each))
    if ReviewAction.PROPOSE in view.allowed_actions:
        terminal.say(f"To settle it: cashout review propose {review.cash_out_id} ...")


def _print_proposal(view: ProposalView, *, as_json: bool) -> int:
    terminal = Terminal()
    if as_json:
        print_json(terminal, view)
    else:
        terminal.data(_line(view))
    return Exit.DONE


def _line(view: ProposalView) -> str:
    proof = f" ({view.proof.kind} {view.proof.reference})" if view.proof else ""
    decided = f" by {view.decided_by}" if view.decided_by else ""
    return (
        f"{view.proposal_id}  {view.resolution}, proposed by {view.proposed_by}: "
        f"{view.reason}{proof}; {view.state}{decided}"
    )


def _span(seconds: int) -> str:
    """Return how long in the largest unit that fits."""
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _reason(text: str) -> ReviewReason:
    try:
        return ReviewReason(text)
    except ValueError:
        words = ", ".join(ReviewReason)
        raise Stopped(f"--reason: use one of {words}", code=Exit.USAGE) from None


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(what) from None
