"""What the documents say is what the code does: their tables and diagrams are made from it."""

import difflib
import re

import pytest

from adapters.sandbox.corridors import BASES
from adapters.sandbox.scenarios import SCENARIOS, Expected, Scenario
from domain.failures import FAILURES, FailureCode, Fault
from domain.states import mermaid
from tests.architecture.house import ROOT, repository_files, text_of

FAILURE_CODES = "docs/failure-codes.md"
SANDBOX = "docs/sandbox.md"
NAMES = {"orange_money": "Orange Money", "afrimoney": "AfriMoney"}
WHOSE = {Fault.CUSTOMER: "the payee's", Fault.OURS: "ours", Fault.PROVIDER: "the provider's"}
_FENCE = re.compile(r"```mermaid\n(.*?)\n```", re.DOTALL)
_PATH = re.compile(
    r"`((?:domain|application|adapters|entrypoints|tests|docs)/[\w./-]*\.(?:py|md|toml|json))`"
)

ABOUT_CODES = """# Failure codes

Why a cash-out failed (`failureCode`), or why a try did not get through. They are ours and stable;
a provider's own codes and words never leave the service. The sentences are safe to show the payee.

Definitive: as a refusal of a submit it ends the cash-out; any other means that the try was not
taken and may be made again. Retryable: the same request may succeed later. A fault of ours never
spends a customer's retries.
"""
ABOUT_THE_SANDBOX = """# The sandbox's numbers

The sandbox speaks both providers' protocols strictly and keeps a ledger of what it really paid.
The last three digits of a sandbox number choose what happens; every other number is simply paid.
It refuses to start in production.
`cashout sandbox --ledger FILE` keeps what was taken and paid over restarts and crashes; webhooks
that were under way are lost with the process, as a provider's may be.

## Where
"""
ABOUT_SCENARIOS = """
## What happens

The ending is that of a correct client; `review` means that a human is needed, because the provider
contradicts itself or says nothing. Payouts is what the ledger has in the end.
"""


def row(*cells: str) -> str:
    """Return a line of a Markdown table."""
    return " | ".join(["", *cells, ""]).strip().replace("|  |", "| |")


def table(*heads: str) -> list[str]:
    """Return the first two lines of a Markdown table."""
    return [row(*heads), row(*["---"] * len(heads))]


def yes(fact: bool) -> str:
    return "yes" if fact else "no"


def failure_codes() -> str:
    """Return the page of failure codes."""
    heads = ("code", "definitive", "retryable", "whose doing", "English", "French")
    lines = [ABOUT_CODES, *table(*heads)]
    for code in FailureCode:
        failure = FAILURES[code]
        lines.append(
            row(
                f"`{code}`",
                yes(failure.definitive),
                yes(failure.retryable),
                WHOSE[failure.fault],
                failure.english,
                failure.french,
            )
        )
    return "\n".join(lines) + "\n"


def ending(expected: Expected) -> str:
    return f"{expected.ending} `{expected.code}`" if expected.code else str(expected.ending)


def differences(scenario: Scenario) -> str:
    """Return what holds for some providers only."""
    only = (
        []
        if len(scenario.providers) == len(NAMES)
        else [f"{NAMES[each]} only" for each in scenario.providers]
    )
    notes = [f"{NAMES[provider]}: {note}" for provider, note in scenario.notes.items()]
    return "; ".join([*only, *notes])


def sandbox() -> str:
    """Return the page of the sandbox's numbers."""
    lines = [ABOUT_THE_SANDBOX, *table("provider", "country", "number", "currencies")]
    lines += [
        row(
            NAMES[each.provider],
            each.country_name,
            f"`+{each.base}xxx`",
            ", ".join(each.currencies),
        )
        for each in BASES
    ]
    heads = ("xxx", "scenario", "what the provider does", "ends", "payouts", "differences")
    lines += [ABOUT_SCENARIOS, *table(*heads)]
    lines += [
        row(
            f"`{each.suffix}`",
            each.title,
            each.story,
            " or ".join(ending(one) for one in each.ends),
            str(each.pays),
            differences(each),
        )
        for each in SCENARIOS.values()
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("place", "expected"),
    [(FAILURE_CODES, failure_codes()), (SANDBOX, sandbox())],
    ids=[FAILURE_CODES, SANDBOX],
)
def test_the_tables_in_the_documents_are_the_codes(place: str, expected: str) -> None:
    path = ROOT / place
    written = text_of(path) if path.exists() else ""
    changes = difflib.unified_diff(
        written.splitlines(), expected.splitlines(), place, "the code", lineterm=""
    )
    assert written == expected, "\n".join(["write this:", expected, *changes])


def test_the_state_diagram_in_the_readme_is_the_table_of_states() -> None:
    assert mermaid() in _FENCE.findall(text_of(ROOT / "README.md"))


def test_every_file_that_a_document_names_is_there() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in repository_files()
        if path.suffix == ".md"
        for named in _PATH.findall(text_of(path))
        if not (ROOT / named).exists()
    ]
    assert missing == []
