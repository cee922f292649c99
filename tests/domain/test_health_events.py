"""What is told of a standing that changed, and what stays in the operators' log."""

import json
from dataclasses import replace
from uuid import uuid5

import pytest

from domain.events import EventType
from domain.health_events import health_changed
from domain.health_refusals import InvalidSteering
from domain.ruling_refusals import InvalidRuling
from domain.standings import Reason, Route, Standing, State
from domain.statement_refusals import InvalidNote, InvalidStatement, ReconciliationRunning
from tests.strategies import NOW

HERE = Route("orange_money", "GN", "GNF")


def closed(route: Route) -> Standing:
    shut = Standing(route, version=6)
    return shut.moved(State.CLOSED, Reason.BY_HAND, NOW, note="a secret reason", by="olga")


def test_a_change_is_told_of_its_route_in_the_order_of_its_versions() -> None:
    event = health_changed(Standing(HERE), closed(HERE))
    assert (event.type, event.sequence, event.at) == (EventType.HEALTH_CHANGED, 7, NOW)
    assert event.cash_out_id == HERE.id
    assert event.id == uuid5(HERE.id, "7/provider.health_changed")
    assert event.trace is None
    assert event.body == (
        '{"provider":"orange_money","country":"GN","currency":"GNF",'
        '"state":"CLOSED","previousState":"OPERATIONAL","reason":"by_hand"}'
    )


def test_a_whole_provider_has_neither_country_nor_currency() -> None:
    whole = Route("orange_money")
    told = json.loads(health_changed(Standing(whole), closed(whole)).body)
    assert set(told) == {"provider", "state", "previousState", "reason"}


def test_only_what_is_parked_has_a_reason() -> None:
    before = closed(HERE)
    for state in State:
        after = before.moved(state, Reason.LATENCY, NOW)
        told = json.loads(health_changed(before, after).body)
        assert (told["state"], told["previousState"]) == (state, "CLOSED")
        assert told.get("reason") == (None if state is State.OPERATIONAL else "latency")
    unexplained = json.loads(health_changed(before, replace(before, reason=None)).body)
    assert "reason" not in unexplained


def test_what_never_moved_has_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match=r"^orange_money/GN/GNF has not changed$"):
        health_changed(Standing(HERE), Standing(HERE))


def test_a_route_is_known_by_its_name_for_ever() -> None:
    """Its id orders its events: one that changed would begin a second order."""
    assert str(HERE.id) == "a9d037fd-90ce-5de5-a266-66f4de50590b"


def test_a_standing_that_moves_keeps_its_route_and_forgets_who_moved_it_before() -> None:
    shut = closed(HERE)
    assert (shut.note, shut.by, shut.version, shut.since) == ("a secret reason", "olga", 7, NOW)
    opened = shut.moved(State.OPERATIONAL, None, NOW)
    assert opened == Standing(HERE, State.OPERATIONAL, None, NOW, 8)


def test_refusals_name_the_field_at_fault() -> None:
    bad = InvalidSteering("reason", "Say why.")
    assert (str(bad), list(bad.details)) == ("Say why.", [("reason", "Say why.")])
    ruling = InvalidRuling([("proof", "Name it.")])
    assert str(ruling) == "This cannot be taken as it is written; see the details."
    assert list(ruling.details) == [("proof", "Name it.")]
    statement = InvalidStatement("No such period.")
    assert (str(statement), list(statement.details)) == (
        "No such period.",
        [("statement", "No such period.")],
    )
    note = InvalidNote(9)
    sentence = "Explain in 1 to 9 characters, without control characters."
    assert (str(note), list(note.details)) == (sentence, [("note", sentence)])
    running = ReconciliationRunning("wave")
    assert str(running) == (
        "A statement of wave is being reconciled. Send this one when that is done."
    )
