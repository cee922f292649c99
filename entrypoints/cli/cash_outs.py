"""Commands about cash-outs: request, follow, list and cancel, by the use cases of the API."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec
from rich.text import Text

from adapters.web.new_cash_out import read_new_cash_out
from adapters.web.outlook import Outlook
from adapters.web.problems import Detail, bad_request
from adapters.web.queries import read_history_query
from adapters.web.schemas import HistoryView, Pagination
from adapters.web.texts import LONGEST_KEY, Visible, WrongText
from adapters.web.views import cash_out_view
from adapters.web.wording import failure_reason, status_detail
from application.callers import Caller, Role
from application.ports import StoredEvidence
from application.request_cash_out import Taken
from domain.cash_out import CashOut
from domain.refusals import Refusal
from domain.request import CashOutRequest
from domain.states import Status
from entrypoints.cli.acting import name_here
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import caller, print_json, read_id, service_here
from entrypoints.cli.terminal import Terminal, status_text
from entrypoints.cli.watching import NoStream, watch
from entrypoints.container import Service
from entrypoints.lifespan import at_work

_LANGUAGE = "en"
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed after `cashout request`."""

    provider: str
    amount: str
    currency: str
    account: str
    name: str
    wallet: str
    reference: str | None
    key: str | None
    user: str

    def request(self, service: Service) -> CashOutRequest:
        """Return the request, read by the same rules as the API's; raise Problem BAD_REQUEST."""
        body = {
            "walletId": self.wallet,
            "amount": self.amount,
            "currency": self.currency,
            "provider": self.provider,
            "providerAccountId": self.account,
            "providerAccountName": self.name,
        }
        if self.reference is not None:
            body["reference"] = self.reference
        faults: list[Detail] = []
        for option, text, longest in (("--key", self.key, LONGEST_KEY), ("--user", self.user, 128)):
            try:
                Visible(longest)("-" if text is None else text)
            except WrongText as wrong:
                faults.append((option, wrong.message))
        read = read_new_cash_out(json.dumps(body).encode(), faults)
        if read is None or faults:
            raise bad_request(faults)
        return CashOutRequest(
            user_id=self.user,
            wallet_id=read.wallet_id,
            amount=read.amount,
            currency=read.currency,
            provider=read.provider,
            account=read.provider_account_id,
            name=read.provider_account_name,
            msisdn=service.numbers.read(read.provider_account_id),
            reference=None if read.reference is msgspec.UNSET else read.reference,
            key=self.key,
        )


async def request_cash_out(asked: Asked, *, wait_s: int, work: bool, as_json: bool) -> int:
    """Take a cash-out, wait for its ending if asked to, and show it."""
    terminal = Terminal()
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(service_here())
        if work:
            await opened.enter_async_context(at_work(service))
        taken = await service.request(asked.request(service))
        if isinstance(taken, Refusal):
            raise taken
        _comment(terminal, taken)
        cash_out = taken.cash_out
        if wait_s:
            cash_out = await _follow(terminal, service, cash_out, wait_s)
        outlook = await _outlook(service)
    if as_json:
        view = cash_out_view(cash_out, datetime.now(UTC), _LANGUAGE, taken.warnings, outlook)
        print_json(terminal, view)
    else:
        _show(terminal, cash_out, outlook)
    return _exit_code(cash_out, waited=bool(wait_s))


async def show_status(
    cash_out_id: str, *, user: str, admin: bool, watch_s: int, as_json: bool
) -> int:
    """Show a cash-out with its evidence, after following it for a while if asked to."""
    terminal, asking = Terminal(), caller(user, admin=admin)
    async with service_here() as service:
        outlook = await _outlook(service)
        cash_out = await service.get(asking, read_id(cash_out_id))
        if watch_s:
            cash_out = await _watch(terminal, service, cash_out, asking, watch_s)
        evidence = await service.get.evidence(asking, cash_out.id)
    if as_json:
        view = cash_out_view(cash_out, datetime.now(UTC), _LANGUAGE, outlook=outlook)
        print_json(terminal, view)
    else:
        _show(terminal, cash_out, outlook)
        _show_past(terminal, cash_out, evidence)
    return _exit_code(cash_out, waited=bool(watch_s))


async def cancel_cash_out(cash_out_id: str, *, user: str, admin: bool, as_json: bool) -> int:
    """Cancel a cash-out of which nothing is on the wire, for its user."""
    terminal, here = Terminal(), name_here()
    # Whoever types a user's id is not the user: evidence and log name the account.
    who = Caller(here, Role.ADMIN) if admin else Caller(user, typed_by=here)
    async with service_here() as service:
        cash_out = await service.cancel(who, read_id(cash_out_id))
    if as_json:
        print_json(terminal, cash_out_view(cash_out, datetime.now(UTC), _LANGUAGE))
    else:
        _show(terminal, cash_out)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed after `cashout history`."""

    user: str
    status: str | None
    provider: str | None
    wallet: str | None
    since: str | None
    until: str | None
    page: int
    limit: int

    def query(self) -> bytes:
        """Return it as the API's query string, so that the same rules read both."""
        given = {
            "status": self.status,
            "provider": self.provider,
            "walletId": self.wallet,
            "startDate": self.since,
            "endDate": self.until,
            "page": str(self.page),
            "limit": str(self.limit),
        }
        return urlencode({name: value for name, value in given.items() if value}).encode()


async def show_history(wanted: Wanted, *, as_json: bool) -> int:
    """List a page of a user's cash-outs."""
    terminal = Terminal()
    async with service_here() as service:
        providers = frozenset(service.catalogue.providers)
        asked = read_history_query(wanted.query(), wanted.user, providers)
        found = await service.history.page(asked.which, asked.limit, asked.page)
    pages = -(-found.total // asked.limit)
    if as_json:
        now = datetime.now(UTC)
        views = [cash_out_view(each, now, _LANGUAGE) for each in found.cash_outs]
        print_json(
            terminal,
            HistoryView(
                cash_outs=views,
                pagination=Pagination(
                    total_items=found.total,
                    total_pages=pages,
                    current_page=asked.page,
                    items_per_page=asked.limit,
                ),
            ),
        )
        return Exit.DONE
    if found.cash_outs:
        columns = ("created", "id", "status", "amount", "fee", "provider", "to", "reference")
        terminal.table(columns, [_row(each) for each in found.cash_outs])
    terminal.say(f"{found.total} cash-outs of {wanted.user}; page {asked.page} of {max(pages, 1)}")
    return Exit.DONE


def _row(cash_out: CashOut) -> tuple[str | Text, ...]:
    return (
        cash_out.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        str(cash_out.id),
        status_text(cash_out.status),
        str(cash_out.amount),
        cash_out.fee.plain,
        cash_out.provider,
        cash_out.payee.msisdn.masked,
        cash_out.reference,
    )


async def _watch(
    terminal: Terminal, service: Service, cash_out: CashOut, asking: Caller, longest_s: int
) -> CashOut:
    """Return the cash-out as `_follow` does, told by the API where one runs here."""
    give_up_at = time.monotonic() + longest_s
    try:
        with terminal.waiting(_line(cash_out)) as waiting:
            who = (asking.user_id, asking.role.value)
            return await watch(service, cash_out, who, waiting, longest_s)
    except NoStream:
        left_s = max(0, round(give_up_at - time.monotonic()))
        return await _follow(terminal, service, cash_out, left_s)


async def _follow(
    terminal: Terminal, service: Service, cash_out: CashOut, longest_s: int
) -> CashOut:
    """Return the cash-out once it has ended, or as it is when time is up; say what is waited for.

    Another process may do the work, so this looks by itself as well as being told.
    """
    give_up_at = time.monotonic() + longest_s
    with terminal.waiting(_line(cash_out)) as waiting:
        while not cash_out.ended and time.monotonic() < give_up_at:
            await asyncio.sleep(_LOOK_AGAIN_S)
            cash_out = await service.reader.cash_out(cash_out.id) or cash_out
            waiting.now(_line(cash_out))
    return cash_out


async def _outlook(service: Service) -> Outlook:
    """Return what is known now of how providers are: nobody keeps it up to date in a command."""
    await service.provider_health.refresh()
    return Outlook(service.provider_health.board, service.catalogue)


def _line(cash_out: CashOut, outlook: Outlook | None = None) -> str:
    now = datetime.now(UTC)
    parked = outlook.parked(cash_out, now) if outlook is not None else None
    return f"{cash_out.status}: {status_detail(cash_out, now, _LANGUAGE, parked)}"


def _comment(terminal: Terminal, taken: Taken) -> None:
    if taken.replayed:
        terminal.say("This request was made before; nothing new was taken.")
    for warning in taken.warnings:
        terminal.say(f"Note: {warning}")


def _show(terminal: Terminal, cash_out: CashOut, outlook: Outlook | None = None) -> None:
    fee, total = cash_out.fee.plain, cash_out.total
    payee = cash_out.payee
    lines: list[tuple[str, str | Text]] = [
        ("cash-out", str(cash_out.id)),
        ("status", status_text(cash_out.status)),
        ("", _line(cash_out, outlook).partition(": ")[2]),
        ("amount", f"{cash_out.amount} + fee {fee} = {total}"),
        ("to", f"{payee.msisdn.e164} ({payee.name}), by {cash_out.provider}"),
        ("reference", cash_out.reference),
    ]
    if cash_out.provider_transaction_id:
        lines.append(("their id", cash_out.provider_transaction_id))
    reason = failure_reason(cash_out, _LANGUAGE)
    if reason:
        lines.append(("why", f"{reason} ({cash_out.failure_code or 'CANCELLED'})"))
    if cash_out.review is not None:
        lines.append(("review", f"a person has to look: {cash_out.review}"))
    for label, value in lines:
        terminal.data(Text.assemble((f"{label:<10} ", "dim"), value))


def _show_past(terminal: Terminal, cash_out: CashOut, evidence: list[StoredEvidence]) -> None:
    attempts = [
        (
            _clock(each.started_at),
            f"attempt {each.number}",
            f"{each.outcome or 'open'} {each.detail}".strip(),
            "",
        )
        for each in cash_out.attempts
    ]
    learnt = [
        (
            _clock(each.at),
            each.source,
            " ".join(filter(None, (each.kind, each.word, each.detail))),
            each.verdict,
        )
        for each in evidence
    ]
    if attempts or learnt:
        terminal.data("")
        terminal.table(("when (UTC)", "what", "said", "verdict"), sorted(attempts + learnt))


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


_ENDS = {
    Status.COMPLETED: Exit.DONE,
    Status.FAILED: Exit.FAILED,
    Status.CANCELLED: Exit.FAILED,
}


def _exit_code(cash_out: CashOut, *, waited: bool) -> Exit:
    return _ENDS.get(cash_out.status, Exit.OPEN) if waited else Exit.DONE
