"""A thousand requests drawn from the document against a real server, as two users in turn."""

from tests.fuzz.real_server import held_by

CASES = 1_000


def test_whatever_a_user_sends_gets_what_the_document_promises() -> None:
    held_by("user", CASES)
