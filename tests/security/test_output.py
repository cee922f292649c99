"""What comes out: no banner, no inside, no secret, and no unexplained exception from the rules."""

import re

import pytest

from adapters.nats import doctor
from tests.adapters.providers.given import AFRIMONEY, ORANGE, SECRETS, wired
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    WEBHOOK,
    House,
    house,
    signed_in,
)
from tests.architecture.house import PACKAGES, modules, text_of

pytestmark = pytest.mark.anyio

INSIDE = (
    *("Traceback", 'File "', "line ", "site-packages", ".py", "litestar", "msgspec", "uvicorn"),
    *("SELECT", "INSERT", "sqlite", "postgres", "asyncpg", "nats://", "Exception", "object at 0x"),
)


async def answers(api: House) -> list[tuple[int, str]]:
    """Return the status and all the text of an answer of each kind."""
    signed = signed_in()
    asked = [
        ("GET", PROVIDERS, {}, b""),
        ("GET", CASH_OUTS, {**signed, "accept": "text/html"}, b""),
        ("GET", f"{CASH_OUTS}?page=x", signed, b""),
        ("GET", f"{CASH_OUTS}/none", signed, b""),
        ("DELETE", CASH_OUTS, signed, b""),
        ("POST", CASH_OUTS, {**signed, "content-type": "application/json"}, b"{"),
        ("POST", CASH_OUTS, {**signed, "content-type": "text/plain"}, b"x"),
        ("POST", CASH_OUTS, {**signed, "content-type": "application/json"}, b"x" * 70_000),
        ("POST", WEBHOOK, {}, b"{"),
        ("POST", f"{WEBHOOK}x", {}, b"{"),
        ("TRACE", CASH_OUTS, signed, b""),
        ("GET", "/.git/config", {}, b""),
    ]
    found = []
    for method, path, headers, content in asked:
        answer = await api.client.request(method, path, headers=headers, content=content)
        found.append((answer.status_code, f"{answer.headers}\n{answer.text}"))
    return found


async def test_no_answer_tells_what_it_runs_on(api: House) -> None:
    found = await answers(api)
    assert {401, 404, 405, 400, 415, 413} <= {status for status, _ in found}
    for status, text in found:
        assert [word for word in INSIDE if word in text] == [], (status, text)
        assert "server" not in text.split("\n")[0].lower().replace("server-timing", "")


async def test_a_bug_tells_its_caller_nothing() -> None:
    secret = "postgresql://user:canary@db/cashout"

    async def broken(_: object) -> object:
        raise RuntimeError(f"{secret} would not SELECT")

    async with house(request=broken) as api:
        answer = await api.client.post(CASH_OUTS, json=BODY, headers=signed_in())
    text = f"{answer.headers}\n{answer.text}"
    assert answer.status_code == 500
    assert [word for word in (*INSIDE, "canary", "RuntimeError") if word in text] == []


@pytest.mark.parametrize("provider", [ORANGE, AFRIMONEY])
def test_no_secret_is_in_a_repr_of_what_a_provider_is_wired_with(provider: str) -> None:
    wiring = wired("http://127.0.0.1:1", provider)
    shown = f"{wiring!r} {wiring!s} {wiring.options!r}"
    assert [secret for secret in SECRETS.values() if secret in shown] == []


@pytest.mark.parametrize(
    "address",
    [
        "http://user:canary@127.0.0.1",
        "http://user:canary@127.0.0.1:1",
        "http://user:canary@127.0.0.1:1/",
        "http://canary\x00/",
        "http://127.0.0.1:canary",
    ],
)
def test_the_doctor_does_not_repeat_the_address_of_the_broker_s_monitor(address: str) -> None:
    """A library's message may hold the password of an address that it does not understand."""
    found = doctor._sync(address)
    assert "canary" not in f"{found}"


# --- rules that are not obeyed ------------------------------------------------------------------

IGNORED = re.compile(r"# noqa: (?P<codes>[A-Z0-9, ]+)(?P<why>.*)$")


def test_each_exception_from_a_security_rule_says_why() -> None:
    """Ruff's S rules are on for the product; whoever passes one over writes the reason there."""
    offenders = [
        f"{module.place}:{number}"
        for module in modules(*PACKAGES)
        for number, line in enumerate(text_of(module.path).splitlines(), start=1)
        if (found := IGNORED.search(line))
        and any(re.fullmatch(r"S\d{3}", code.strip()) for code in found["codes"].split(","))
        and len(found["why"].strip(" -")) < 10
    ]
    assert offenders == []
