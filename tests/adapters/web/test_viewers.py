"""Who only looks: ids of users and what operators wrote, without what may be somebody's number."""

import csv
import io
from typing import Any
from uuid import UUID

import pytest

from domain.breaks import Break, BreakState
from domain.money import CURRENCIES, Money
from domain.runs import Run, RunState, Tally
from domain.statements import BreakKind
from tests.adapters.web.house import START, House, signed_in
from tests.adapters.web.test_reviews import REVIEWS, contradicted, proposed

pytestmark = pytest.mark.anyio

OLGA, VERA = {"user": "olga", "role": "operator"}, {"user": "vera", "role": "viewer"}
USER = "+2250711111789"
RUN = UUID(int=70)
STATEMENT = f"/api/payments/statements/{RUN}"


async def explained(api: House, file_name: str = "november.csv") -> None:
    """Store a run with a break that an operator explained, with a payee's number in it."""
    run = Run(
        id=RUN,
        provider="orange_money",
        file_digest="d" * 64,
        file_name=file_name,
        started_at=START,
        started_by="olga",
        state=RunState.FINISHED,
        finished_at=START,
        tally=Tally(broken=1, breaks={BreakKind.MISSING_HERE: 1}),
    )
    found = Break(
        id=UUID(int=71),
        key="key",
        provider="orange_money",
        kind=BreakKind.MISSING_HERE,
        run_id=RUN,
        found_at=START,
        at=START,
        detail="their books have it, ours do not",
        digest="1" * 64,
        line=1,
        there=Money(15_000, CURRENCIES["XOF"]),
        state=BreakState.EXPLAINED,
        changed_at=START,
        changed_by="olga",
        note="Paid to 07 00 00 07 89 by hand.",
    )
    async with api.parts.cancel.units.begin() as unit:
        await unit.statements.save(run)
        await unit.statements.found(RUN, [found])


def note_in_json(read: Any) -> str:  # noqa: ANN401 -- an answer
    note: str = read.json()["data"]["breaks"][0]["note"]
    return note


def note_in_csv(read: Any) -> str:  # noqa: ANN401 -- an answer
    (row,) = csv.DictReader(io.StringIO(read.text))
    return row["note"]


@pytest.mark.parametrize(
    ("accept", "note_of"), [("application/json", note_in_json), ("text/csv", note_in_csv)]
)
async def test_a_number_in_an_explanation_is_for_who_may_see_numbers(
    api: House,
    accept: str,
    note_of: Any,  # noqa: ANN401 -- one of the two above
) -> None:
    await explained(api)
    full, masked = [
        await api.client.get(STATEMENT, headers={**signed_in(**who), "Accept": accept})
        for who in (OLGA, VERA)
    ]
    assert note_of(full) == "Paid to 07 00 00 07 89 by hand."
    assert note_of(masked) == "Paid to ***789 by hand."


async def test_a_users_id_that_is_a_number_is_masked_in_reviews(api: House) -> None:
    made = await contradicted(api, USER)
    for path in (REVIEWS, f"{REVIEWS}/{made}"):
        assert f'"userId":"{USER}"' in (await api.get(path, **OLGA)).text
        seen = (await api.get(path, **VERA)).text
        assert '"userId":"***789"' in seen
        assert USER not in seen


async def test_a_users_id_and_wallet_that_are_numbers_are_masked_on_a_cash_out(api: House) -> None:
    made = await api.made(user=USER, walletId="0711111789")
    path = f"/api/payments/cash-out/{made}"
    for who in ({"user": USER}, OLGA):
        owns = (await api.get(path, **who)).json()["data"]
        assert (owns["userId"], owns["walletId"]) == (USER, "0711111789")
    seen = (await api.get(path, **VERA)).json()["data"]
    assert (seen["userId"], seen["walletId"]) == ("***789", "***789")


async def test_a_number_in_the_reference_of_a_proof_is_for_who_may_see_numbers(api: House) -> None:
    made = await contradicted(api)
    proof = {"kind": "provider_receipt", "reference": "0700000789", "text": ""}
    headers = {**signed_in(**OLGA), "Content-Type": "application/json"}
    body = {"resolution": "paid", "reason": "It says so.", "proof": proof}
    path = f"/api/payments/cash-out/{made}/resolutions"
    answer = await api.client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    for where in (REVIEWS, f"{REVIEWS}/{made}"):
        assert "0700000789" in (await api.get(where, **OLGA)).text
        seen = (await api.get(where, **VERA)).text
        assert "0700000789" not in seen, where


async def test_an_ordinary_id_and_reference_are_shown_to_who_only_looks(api: House) -> None:
    made = await contradicted(api)
    await proposed(api, made)
    review = (await api.get(f"{REVIEWS}/{made}", **VERA)).json()["data"]
    assert review["review"]["userId"] == "user-1"
    assert review["proposals"][0]["proof"]["reference"] == "2026-11-24/17"


async def test_a_reference_that_is_a_number_is_masked_for_who_only_looks(api: House) -> None:
    made = await contradicted(api, "u-1", reference="0700000789")
    where = f"/api/payments/cash-out/{made}"
    for path in (REVIEWS, f"{REVIEWS}/{made}", where, f"{where}/timeline"):
        assert '"reference":"0700000789"' in (await api.get(path, **OLGA)).text, path
        seen = (await api.get(path, **VERA)).text
        assert '"reference":"***789"' in seen, path
        assert "0700000789" not in seen, path


async def test_a_number_in_a_files_name_is_masked_for_who_only_looks(api: House) -> None:
    await explained(api, "for 0700000789.csv")
    for path in (STATEMENT, "/api/payments/statements"):
        assert '"fileName":"for 0700000789.csv"' in (await api.get(path, **OLGA)).text
        assert '"fileName":"for ***789.csv"' in (await api.get(path, **VERA)).text
