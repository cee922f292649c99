"""Logs: a JSON object per line, of the level asked for, without what nobody may read there."""

import json
import os
import pty
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETTLED = """
    import asyncio, gc, logging, sys, warnings
    import structlog
    from entrypoints.logs import set_up_logs
"""


def said(script: str) -> list[dict[str, Any]]:
    """Return the log lines of a program, each of which is a JSON object."""
    return [json.loads(line) for line in raw(script).splitlines()]


def raw(script: str) -> str:
    """Return what a program writes to standard error, which is not a terminal."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SETTLED) + textwrap.dedent(script)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )
    assert done.stdout == ""
    return done.stderr


def test_a_line_is_a_json_object_with_its_time_and_level() -> None:
    (line,) = said("""
        set_up_logs("info")
        structlog.get_logger("cashout").info("cash_out_completed", provider="x", text="a\\nb")
    """)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "cash_out_completed",
        "level": "info",
        "provider": "x",
        "text": "a\nb",
    }


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_respected(level: str, told: list[str]) -> None:
    lines = said(f"""
        set_up_logs("{level}")
        for each in ("debug", "info", "warning", "error"):
            getattr(structlog.get_logger("cashout"), each)(each)
    """)
    assert [line["event"] for line in lines] == told


def test_libraries_speak_in_json_as_well_and_only_when_it_matters() -> None:
    """Their lines below a warning may hold addresses, at any level of ours."""
    lines = said("""
        set_up_logs("debug")
        for name in ("httpx", "aiosqlite", "nats", "sqlalchemy.pool", "some.library"):
            logging.getLogger(name).debug("never")
            logging.getLogger(name).info("never")
            logging.getLogger(name).warning("now and then")
        warnings.warn("a library is old", RuntimeWarning)
    """)
    libraries = [line["library"] for line in lines]
    assert libraries == [
        *("httpx", "aiosqlite", "nats", "sqlalchemy.pool", "some.library"),
        "py.warnings",
    ]
    assert {line["level"] for line in lines} == {"warning"}


def test_libraries_keep_quiet_below_errors_when_only_errors_are_asked_for() -> None:
    assert said('set_up_logs("error"); logging.getLogger("some.library").warning("x")') == []


RAISING = """
    def pay(token):
        name = "Canary Name"
        try:
            raise ValueError(
                "no such payee +2250700000789, " + token
                + "\\nDETAIL: Failing row contains (Canary Detail)"
            )
        except ValueError as fault:
            raise RuntimeError("it broke") from fault

    set_up_logs("info")
    token = "eyJhbGciOi.eyJ1c2VySWQi.Canary-Signature"
"""
CANARIES = ("Canary", "eyJ", "2250700000789")


@pytest.mark.parametrize(
    "telling",
    [
        'structlog.get_logger("cashout").error("bug", exc_info=fault)',
        'logging.getLogger("some.library").error("it broke", exc_info=fault)',
        'structlog.get_logger("cashout").error("bug", exc_info=ExceptionGroup("two", [fault]))',
    ],
    ids=["ours", "theirs", "group"],
)
def test_a_traceback_shows_places_and_no_values(telling: str) -> None:
    """Neither local variables nor what a message repeats of rows, numbers and tokens."""
    text = raw(f"""{RAISING}
    try:
        pay(token)
    except RuntimeError as fault:
        {telling}
    """)
    (line,) = text.splitlines()
    assert '"pay"' in text
    assert "ValueError" in text
    assert "no such payee" in text
    for canary in CANARIES:
        assert canary not in text
    assert "exception" in json.loads(line)


def test_a_task_that_nobody_waited_for_is_told_as_any_bug() -> None:
    (line,) = said(f"""{RAISING}
    async def main():
        async def broken():
            pay(token)
        task = asyncio.create_task(broken())
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    asyncio.run(main())
    """)
    assert line["library"] == "asyncio"
    assert not any(canary in json.dumps(line) for canary in CANARIES)


def test_what_a_library_says_is_bounded_and_masked() -> None:
    (line,) = said("""
        set_up_logs("info")
        logging.getLogger("some.library").error("number %s %s", "+2250700000789", "x" * 5_000)
    """)
    assert "2250700000789" not in line["event"]
    assert len(line["event"]) <= 200


def test_a_person_at_a_terminal_gets_plain_lines() -> None:
    """Standard error is a terminal: no JSON, and still no local variables."""
    leader, follower = pty.openpty()
    script = f"""{RAISING}
    try:
        pay(token)
    except RuntimeError as fault:
        structlog.get_logger("cashout").error("bug", exc_info=fault)
    """
    try:
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SETTLED) + textwrap.dedent(script)],
            check=True,
            stdout=subprocess.PIPE,
            stderr=follower,
            cwd=ROOT,
            timeout=30,
        )
        text = os.read(leader, 100_000).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert not text.startswith("{")
    assert "bug" in text
    assert "Traceback" in text
    assert "Canary Name" not in text


def test_a_line_is_told_whatever_is_in_it() -> None:
    lines = said("""
        set_up_logs("info")
        log = structlog.get_logger("cashout")
        for each in ("\\ud800", 2**70, {(1, 2): 3}, object, "Koné", b"\\xff", [1.5, None, True]):
            log.info("odd", value=each)
    """)
    assert [line["event"] for line in lines] == ["odd"] * 7
    assert [lines[0]["value"], lines[1]["value"], lines[4]["value"]] == ["\ud800", 2**70, "Koné"]


def test_a_line_is_out_before_the_call_returns() -> None:
    """A process that is killed has told everything that it did until then."""
    (line,) = said("""
        import os
        set_up_logs("info")
        structlog.get_logger("cashout").info("cash_out_initiated")
        os._exit(0)
    """)
    assert line["event"] == "cash_out_initiated"


def test_what_is_set_as_a_secret_is_hidden_wherever_it_turns_up() -> None:
    text = raw("""
        secret = "canary-words-without-a-digit"
        set_up_logs("info", secrets={secret, "short"})
        log = structlog.get_logger("cashout")
        log.info("plain", anything=secret, short="short")
        log.info(f"within {secret} text", nested=[{"x": (1, f"a {secret} b")}], key={secret: 1})
        logging.getLogger("some.library").error("refused: %s", secret)
        try:
            raise ValueError(f"{secret} is wrong")
        except ValueError as fault:
            log.error("bug", exc_info=fault)
    """)
    assert "canary" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == [
        "plain",
        "within *** text",
        "refused: ***",
        "bug",
    ]
    assert lines[0]["short"] == "short"


def test_values_are_masked_by_type_under_any_name() -> None:
    """The same words as in `application.masking`, through the whole of what writes a line."""
    text = raw("""
        from domain.payee import Msisdn, Payee
        set_up_logs("info")
        log = structlog.get_logger("cashout")
        payee = Payee(Msisdn("+2250700000789", "CI"), "Canary Name")
        log.info("a", payee=payee, number=payee.msisdn, whole=2250700000789, e164="+2250700000789")
        log.info("call +225 07 00 00 07 89", all=[payee], headers={"Authorization": "Canary"})
        log.info("b", raw=b"eyJhbGciOi.x.y", fault=KeyError("Canary Name"), thing=object())
    """)
    for canary in (*CANARIES, "0700000789", "07 00 00 07 89"):
        assert canary not in text
    first = json.loads(text.splitlines()[0])
    assert first["payee"] == first["number"] == "+225*******789"


def test_a_person_sees_no_more_than_programs_do() -> None:
    text = raw("""
        set_up_logs("info", pretty=True, secrets={"canary-secret"})
        log = structlog.get_logger("cashout")
        try:
            raise ValueError("no such payee 'Canary Name' +2250700000789 canary-secret")
        except ValueError as fault:
            log.error("bug", exc_info=fault, number="+2250700000789")
            log.error("bug", exc_info=ExceptionGroup("two", [fault]))
    """)
    assert "ValueError: no such payee ***" in text
    for canary in (*CANARIES, "canary"):
        assert canary not in text
