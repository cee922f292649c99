"""The rules that every gateway keeps, whatever its provider's protocol: a table, and its trials.

They are what makes a payout safe: an order that may have been taken is never called refused, one
that cannot have been is never called taken, and nothing is sent twice behind the service's back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.provider_kit.contract import privacy, webhooks
from adapters.provider_kit.contract.bench import PATIENCE, Bench, order, submits
from adapters.provider_kit.contract.partner import Answering, Reply, Seen, Silence
from adapters.provider_kit.wiring import Misconfigured
from domain.attempts import OutcomeKind
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import ENDINGS

Complaints = list[str]
Trial = Callable[[Bench], Awaitable[Complaints]]

PAGE: Final = Reply(502, b"<!doctype html><h1>Bad gateway</h1>", {"Content-Type": "text/html"})
_JSON: Final = {"Content-Type": "application/json"}
_NOBODY_KNOWS: Final = b'{"status": "error", "code": "E_NOBODY_KNOWS", "message": "?"}'
_MISCONFIGURED: Final = (301, 302, 307, 308, 403, 404, 405, 406, 415)
_OPEN: Final = (408, 500, 502, 503, 504)
_GARBAGE: Final = (b"<!doctype html><h1>Sign in</h1>", b"[1, 2", b"\xff\xfe", b"null", b"")
_AT_ONCE: Final = 20
_TOO_LONG: Final = 2 * 1024 * 1024
_BOUND_S: Final = 4 * PATIENCE.total_seconds()
_WAIT_S: Final = 7


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that holds for every gateway, in words, and what tries whether it does."""

    says: str
    trial: Trial


async def _outcome(bench: Bench, answer: Answering, most: int = 1) -> tuple[Outcome, Complaints]:
    """Send one order; return how it ended, and a complaint when it was sent more than `most`."""
    async with bench.facing(answer) as (gateway, partner):
        async with asyncio.timeout(_BOUND_S):
            outcome = await gateway.disburse(order())
        sent = len(submits(partner))
    return outcome, [f"it was sent {sent} times"] if sent > most else []


def _always(reply: Reply | Silence | None) -> Answering:
    return lambda _seen: reply


async def _settings_are_required(bench: Bench) -> Complaints:
    found: Complaints = []
    whole = bench.settings_at("https://api.bench.example")
    for each in bench.module.SETTINGS:
        if not each.required or each.default:
            continue
        missing = {name: value for name, value in whole.items() if name != each.suffix}
        try:
            await bench.module.build(bench.wiring(missing)).aclose()
        except Misconfigured as refused:
            text = str(refused)
            if each.suffix not in text:
                found.append(f"without {each.suffix} its complaint does not name it")
            found += [f"its complaint shows {n}" for n, s in bench.secrets.items() if s in text]
        else:
            found.append(f"it is built without {each.suffix}")
    return found


async def _building_calls_nobody(bench: Bench) -> Complaints:
    async with bench.facing(_always(PAGE)) as (_, partner):
        await asyncio.sleep(0.05)
        return ["it connected before its first call"] if partner.connections else []


async def _nobody_listens(bench: Bench) -> Complaints:
    async with bench.facing(_always(PAGE)) as (_, partner):
        closed = partner.url
    async with bench.at(closed) as gateway:
        outcome = await gateway.disburse(order())
    return _is(outcome, "a refused connection", OutcomeKind.UNSENT)


async def _silence_is_unknown(bench: Bench) -> Complaints:
    found: Complaints = []
    cases: Sequence[tuple[str, Reply | Silence | None]] = (
        ("silence", Silence.FOR_EVER),
        ("a reset connection", None),
        ("an answer that is cut off", Reply(200, b"{", {"Content-Length": "900"})),
    )
    for name, reply in cases:
        try:
            outcome, complaints = await _outcome(bench, _always(reply))
        except TimeoutError:
            found.append(f"{name}: it waits for longer than its limits")
            continue
        found += complaints + _is(outcome, name, OutcomeKind.UNKNOWN)
    return found


async def _server_errors_are_unknown(bench: Bench) -> Complaints:
    found: Complaints = []
    for status in _OPEN:
        outcome, complaints = await _outcome(bench, _always(Reply(status, PAGE.body, PAGE.headers)))
        found += complaints + _is(outcome, f"HTTP {status}", OutcomeKind.UNKNOWN)
    return found


async def _unknown_codes_are_unknown(bench: Bench) -> Complaints:
    found: Complaints = []
    for status in (400, 422):
        outcome, complaints = await _outcome(bench, _always(Reply(status, _NOBODY_KNOWS, _JSON)))
        found += complaints + _is(outcome, f"HTTP {status}, strange code", OutcomeKind.UNKNOWN)
    return found


async def _our_faults_open_the_circuit(bench: Bench) -> Complaints:
    found: Complaints = []
    for status in _MISCONFIGURED:
        reply = Reply(status, b"", {"Location": "/elsewhere"})
        async with bench.facing(_always(reply)) as (gateway, partner):
            outcome = await gateway.disburse(order())
            found += [f"HTTP {status} was followed"] if partner.asked("/elsewhere") else []
            found += [f"HTTP {status}: sent again"] if len(submits(partner)) > 1 else []
        found += _is(outcome, f"HTTP {status}", OutcomeKind.UNSENT)
        found += [] if outcome.trips else [f"HTTP {status} does not open the circuit"]
    return found


async def _credentials_are_renewed_once(bench: Bench) -> Complaints:
    outcome, found = await _outcome(bench, _always(Reply(401, _NOBODY_KNOWS, _JSON)), most=2)
    found += _is(outcome, "HTTP 401", OutcomeKind.UNSENT)
    return found + ([] if outcome.trips else ["HTTP 401 does not open the circuit"])


async def _a_pause_is_kept(bench: Bench) -> Complaints:
    reply = Reply(429, _NOBODY_KNOWS, {**_JSON, "Retry-After": str(_WAIT_S)})
    outcome, found = await _outcome(bench, _always(reply))
    found += _is(outcome, "HTTP 429", OutcomeKind.UNSENT)
    kept = outcome.retry_after_s == _WAIT_S
    return found + ([] if kept else [f"Retry-After: 7 became {outcome.retry_after_s}"])


async def _garbage_ends_nothing(bench: Bench) -> Complaints:
    found: Complaints = []
    bodies = (*_GARBAGE, b'{"x": "' + b"y" * _TOO_LONG + b'"}')
    for status in (200, 202):
        for body in bodies:
            outcome, complaints = await _outcome(bench, _always(Reply(status, body, _JSON)))
            name = f"HTTP {status} with {body[:20]!r}"
            found += complaints + _is(outcome, name, OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED)
            if outcome.news is not None and outcome.news.status in ENDINGS:
                found.append(f"{name} ended the cash-out as {outcome.news.status}")
    return found


async def _the_order_is_sent_as_it_is(bench: Bench) -> Complaints:
    sent = order(1050)
    async with bench.facing(_always(PAGE)) as (gateway, partner):
        await gateway.disburse(sent)
        requests = submits(partner)
    if not requests:
        return ["nothing was sent"]
    text = _text(requests[0])
    found = [] if sent.reference in text else ["our reference is not in the request"]
    found += [] if "10.5" in text else ["10.50 SLE is not in the request as 10.5 or 10.50"]
    return found + ([] if sent.account in text else ["the payee's account is not in the request"])


async def _many_at_once_are_sent_once_each(bench: Bench) -> Complaints:
    orders = [order() for _ in range(_AT_ONCE)]
    async with bench.facing(_always(PAGE)) as (gateway, partner):
        await asyncio.gather(*(gateway.disburse(each) for each in orders))
        texts = [_text(seen) for seen in submits(partner)]
    counts = [sum(each.reference in text for text in texts) for each in orders]
    return [] if counts == [1] * _AT_ONCE else [f"of {_AT_ONCE} at once, sent: {counts}"]


async def _a_question_without_an_answer_teaches_nothing(bench: Bench) -> Complaints:
    found: Complaints = []
    cases: Sequence[tuple[str, Reply | Silence | None]] = (
        ("silence", Silence.FOR_EVER),
        ("a reset connection", None),
        ("HTTP 500", Reply(500, PAGE.body, PAGE.headers)),
        ("HTTP 403", Reply(403, _NOBODY_KNOWS, _JSON)),
    )
    for name, reply in cases:
        async with bench.facing(_always(reply)) as (gateway, _):
            said = await gateway.look_up(order())
        if not isinstance(said, NoAnswer):
            found.append(f"{name} to a question taught {type(said).__name__}")
    async with bench.facing(_always(Reply(404, PAGE.body, PAGE.headers))) as (gateway, _):
        said = await gateway.look_up(order())
    if not isinstance(said, NoAnswer | NotFound):
        found.append("a 404 page to a question taught news")
    return found


async def _ids_stay_in_their_place(bench: Bench) -> Complaints:
    """An id of theirs is data, also when it looks like a path or a query."""
    asked = order(transaction_id="../../token?x=1#y")
    async with bench.facing(_always(Reply(404, b"{}", _JSON))) as (gateway, partner):
        await gateway.look_up(asked)
        targets = [seen.target for seen in submits(partner)]
    walked = [each for each in targets if "/../" in each or "?x=1" in each]
    return [f"their id walked the path: {each}" for each in walked]


async def _a_check_never_raises(bench: Bench) -> Complaints:
    async with bench.facing(_always(Reply(401, _NOBODY_KNOWS, _JSON))) as (gateway, partner):
        away = partner.url
        await gateway.check()
    async with bench.at(away) as gateway:
        complaint = await gateway.check()
    hidden = [each for each in bench.secrets.values() if each in (complaint or "")]
    return ["its complaint shows a secret"] if hidden else []


async def _nobody_elses_news_is_kept(bench: Bench) -> Complaints:
    """What a question teaches has no ending where the body is none of the documented."""
    found: Complaints = []
    for body in _GARBAGE:
        async with bench.facing(_always(Reply(200, body, _JSON))) as (gateway, _):
            said = await gateway.look_up(order())
        if isinstance(said, News) and said.status in ENDINGS:
            found.append(f"{body[:20]!r} was read as {said.status}")
    return found


def _is(outcome: Outcome, name: str, *kinds: OutcomeKind) -> Complaints:
    if outcome.kind in kinds:
        return []
    return [f"{name} is called {outcome.kind}, not {' or '.join(kinds)}"]


def _text(seen: Seen) -> str:
    headers = " ".join(f"{name}: {value}" for name, value in seen.headers)
    return f"{seen.target} {headers} {seen.body.decode('utf-8', 'replace')}"


RULES: Final = (
    Rule("it is built with all of its settings or not at all", _settings_are_required),
    Rule("building it calls nobody", _building_calls_nobody),
    Rule("the order is sent as it is: reference, amount, account", _the_order_is_sent_as_it_is),
    Rule("a refused connection: not sent", _nobody_listens),
    Rule("silence, a reset, half an answer: unknown, and not sent again", _silence_is_unknown),
    Rule("408 and 5xx: unknown, and not sent again", _server_errors_are_unknown),
    Rule("400 and 422 with a code that nobody knows: unknown", _unknown_codes_are_unknown),
    Rule(
        "redirects are not followed; they and 403..415 are our fault", _our_faults_open_the_circuit
    ),
    Rule("401: renewed once, then our fault", _credentials_are_renewed_once),
    Rule("429: not sent, and the pause is kept", _a_pause_is_kept),
    Rule("a body that is not documented ends nothing", _garbage_ends_nothing),
    Rule("many at once are sent once each", _many_at_once_are_sent_once_each),
    Rule(
        "a question without an answer teaches nothing",
        _a_question_without_an_answer_teaches_nothing,
    ),
    Rule("an answer that is not documented ends nothing", _nobody_elses_news_is_kept),
    Rule("ids stay in their place of a path", _ids_stay_in_their_place),
    Rule("a webhook that is not signed is not believed", webhooks.unsigned_is_not_believed),
    Rule("no webhook makes it raise", webhooks.nothing_makes_it_raise),
    Rule("a check tells and never raises", _a_check_never_raises),
    Rule("what it tells our log has no secret, name or number", privacy.nothing_is_given_away),
)
"""Every rule, in the order in which they are tried."""
