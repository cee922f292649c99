"""Statements of the sandbox: what its ledger has, and breaks that are planted by a seed."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.ledger import Payout
from adapters.sandbox.statements import (
    MOST_PLANTED,
    Plant,
    Row,
    Said,
    TooFewPayouts,
    plant,
    planted_view,
    rows_of,
    written,
)
from tests.adapters.sandbox.partner import Partner
from tests.reconciliation.scale import cash_outs, payouts
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

EACH = dict.fromkeys(Plant, 2)


def some_rows(count: int = 30) -> list[Row]:
    return rows_of(payouts(cash_outs(count)), ORANGE_MONEY)


def test_a_provider_has_its_own_payouts_of_the_span_and_what_it_took_back() -> None:
    ledger = list(payouts(cash_outs(4)))
    first = ledger[0]
    taken_back = Payout(
        first.provider,
        first.reference,
        first.transaction_id,
        first.msisdn,
        first.amount,
        first.currency,
        first.executed_at,
        NOW,
    )
    rows = rows_of([taken_back, *ledger[1:]], ORANGE_MONEY)
    assert [row.said for row in rows] == [Said.PAID, Said.REVERSED, *[Said.PAID] * 3]
    assert (rows[1].reference, rows[1].at) == (rows[0].reference, NOW)
    assert rows[1].transaction_id != rows[0].transaction_id
    assert rows_of(ledger, AFRIMONEY) == []
    since, until = ledger[1].executed_at, ledger[3].executed_at
    span = rows_of(ledger, ORANGE_MONEY, since, until)
    assert [row.reference for row in span] == [ledger[1].reference, ledger[2].reference]


def test_what_is_planted_is_what_the_list_says() -> None:
    rows = some_rows()
    changed, planted = plant(rows, EACH, seed=5)
    assert Counter(each.kind for each in planted) == EACH
    before = {row.reference: row for row in rows}
    after: dict[str, list[Row]] = {}
    for row in changed:
        after.setdefault(row.reference, []).append(row)
    touched = {each.reference: each.kind for each in planted}
    assert len(touched) == len(planted)
    for reference, kind in touched.items():
        mine, was = after.get(reference, []), before.get(reference)
        seen = {
            Plant.MISSING_HERE: was is None and len(mine) == 1,
            Plant.MISSING_THERE: not mine,
            Plant.AMOUNT_DIFFERS: was is not None and [r.amount for r in mine] == [was.amount + 1],
            Plant.DUPLICATE: len({r.transaction_id for r in mine}) == 2,
            Plant.LATE_REVERSAL: [r.said for r in mine] == [Said.PAID, Said.REVERSED],
            Plant.STATUS_DIFFERS: [r.said for r in mine] == [Said.FAILED],
        }
        assert seen[kind], kind
    assert all(
        after[reference] == [row] for reference, row in before.items() if reference not in touched
    )


def test_the_same_seed_plants_the_same_and_another_does_not() -> None:
    assert plant(some_rows(), EACH, seed=5) == plant(some_rows(), EACH, seed=5)
    assert plant(some_rows(), EACH, seed=5) != plant(some_rows(), EACH, seed=6)
    assert plant(some_rows(), {}, seed=5) == (some_rows(), [])


def test_more_breaks_than_payouts_are_refused() -> None:
    with pytest.raises(TooFewPayouts, match="10 breaks need as many payouts, and there are 9"):
        plant(some_rows(9), EACH, seed=1)
    with pytest.raises(TooFewPayouts):
        plant([], {Plant.MISSING_HERE: 1}, seed=1)


def test_no_cell_of_a_statement_is_a_formula() -> None:
    for provider in (ORANGE_MONEY, AFRIMONEY):
        text = "".join(written(some_rows(3), provider))
        delimiter = ";" if provider == ORANGE_MONEY else ","
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@pytest.fixture(name="payer")
async def a_partner_that_was_paid(shared_partner: Partner) -> AsyncIterator[Partner]:
    sandbox = shared_partner.sandbox
    sandbox.engine.reset()
    for payout in payouts(cash_outs(12)):
        sandbox.engine.ledger.execute(payout)
    yield shared_partner
    sandbox.engine.reset()


async def asked(partner: Partner, path: str) -> tuple[int, Any, dict[str, str]]:
    url = f"{partner.sandbox.control_url}/statements/{path}"
    async with partner.session.get(url) as response:
        is_json = response.content_type == "application/json"
        body = await (response.json() if is_json else response.text())
        return response.status, body, dict(response.headers)


async def test_a_statement_is_downloaded_with_the_list_of_what_was_planted(payer: Partner) -> None:
    status, text, headers = await asked(payer, f"{ORANGE_MONEY}?plant=1&seed=9")
    assert status == 200
    assert headers["Content-Type"].startswith("text/csv")
    assert f'filename="{ORANGE_MONEY}.csv"' in headers["Content-Disposition"]
    rows = rows_of(payer.sandbox.ledger, ORANGE_MONEY)
    expected, planted = plant(rows, dict.fromkeys(Plant, 1), 9)
    assert text == "".join(written(expected, ORANGE_MONEY))
    status, listed, _ = await asked(payer, f"{ORANGE_MONEY}/planted?plant=1&seed=9")
    assert (status, listed) == (200, planted_view(planted))
    plain = (await asked(payer, ORANGE_MONEY))[1]
    assert plain == "".join(written(rows, ORANGE_MONEY))


async def test_a_span_narrows_it_and_what_is_wrong_is_told(payer: Partner) -> None:
    first = next(iter(payer.sandbox.ledger)).executed_at
    until = (first + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    text = (await asked(payer, f"{ORANGE_MONEY}?until={until}"))[1]
    assert len(text.splitlines()) == 2 + 2 + 1
    assert (await asked(payer, "nobody"))[0] == 404
    assert (await asked(payer, f"{ORANGE_MONEY}?plant=100"))[0] == 400
    assert (await asked(payer, f"{ORANGE_MONEY}?plant={MOST_PLANTED + 1}"))[0] == 400
    assert (await asked(payer, f"{ORANGE_MONEY}?plant=-1"))[0] == 400
