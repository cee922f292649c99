"""A rendering is one for each list of parts, and a chain says in what order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.chain import digest, encoded, log_hash, maybe, moment

AT = datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)
PARTS = st.lists(st.text(alphabet="a1:=\x1f\x00\ufffd", max_size=4), min_size=1, max_size=4)


@given(PARTS, PARTS)
def test_two_lists_that_differ_have_two_digests(one: list[str], other: list[str]) -> None:
    assume([encoded(part) for part in one] != [encoded(part) for part in other])
    assert digest("k", one) != digest("k", other)


def test_a_digest_is_of_its_kind() -> None:
    assert digest("one/1", ["a"]) != digest("one/2", ["a"])


def test_this_rendering_is_for_ever() -> None:
    """Whoever changes a rendering cannot check what was written yesterday: make a new version."""
    assert digest("k", ["a", "é", ""]) == (
        "b749cea66261167bf30a8983dfa7bcf0b0ffb892a43bb135890f1df9194b5ed6"
    )
    assert digest("k", ["a\x1fb"]) == (
        "9947997b8076f705cba8e239d0e5ff0e3e50b57f6678bcc69a4148edbdc1d078"
    )
    assert log_hash("", 1, AT, "ama", "review.proposed", "case-1", '{"reason":"seen"}') == (
        "080af1adc9dc31b4f4cb8958299daf62b88c62941e82da999f218014846e1d80"
    )


def test_a_moment_is_the_same_in_every_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=3)))
    assert moment(elsewhere) == moment(AT) == "1795435200000001"


def test_none_is_not_empty() -> None:
    assert maybe(None) != maybe("")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Ndèye", "Ndèye"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("lone \udc00 \ud800", "lone \ufffd \ufffd"),
        ("\0\udc00", "\ufffd\ufffd"),
    ],
    ids=["plain", "NUL", "pair", "lone", "both"],
)
def test_what_no_database_stores_is_read_as_a_mark(text: str, stored: str) -> None:
    assert encoded(text) == stored.encode()
