"""The operators' log as a page: what each entry is about, and where that is shown."""

import re
from uuid import UUID

import pytest

from application.ports import AuditEntry
from tests.adapters.console.office import START, Office
from tests.adapters.console.test_statements import BREAK, RUN, reconciled

pytestmark = pytest.mark.anyio

CASH_OUT = UUID(int=1)
ACCOUNT = "an-operator-whose-name-has-36-letters"[:36]


async def told(console: Office, action: str, subject: object) -> list[str]:
    """Return where the newest entry of the log leads, written with this action and subject."""
    async with console.units.begin() as unit:
        await unit.audit.append(AuditEntry(START, "oscar", action, str(subject)))
    text = (await (await console.signed_in("vera")).get("/console/log")).text
    (row,) = [each for each in text.split("<tr>") if action in each and str(subject) in each]
    return re.findall(r'href="([^"]+)"', row)


@pytest.mark.parametrize(
    ("action", "subject", "path"),
    [
        ("cash_out.cancelled", CASH_OUT, f"/console/cash-outs/{CASH_OUT}"),
        ("number.seen", CASH_OUT, f"/console/cash-outs/{CASH_OUT}"),
        ("review.proposed", CASH_OUT, f"/console/cash-outs/{CASH_OUT}"),
        ("review.withdrawn", CASH_OUT, f"/console/cash-outs/{CASH_OUT}"),
        ("statement.reconciled", RUN, f"/console/statements/{RUN}"),
        ("provider.closed", "orange_money/GN", "/console/providers"),
        ("configuration.changed", "configuration", "/console/tariffs"),
    ],
)
async def test_what_has_a_page_is_linked_to_it(
    console: Office, action: str, subject: object, path: str
) -> None:
    await console.made(CASH_OUT.int)
    await reconciled(console)
    assert await told(console, action, subject) == [path]
    assert (await (await console.signed_in("vera")).get(path)).status_code == 200


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        ("break.explained", BREAK),
        # What a rehearsal has found is removed once it was looked at.
        ("statement.rehearsed", RUN),
        ("webhook.replayed", UUID(int=5)),
        ("webhook.dismissed", UUID(int=5)),
        ("session.opened", ACCOUNT),
        ("operator.disabled", ACCOUNT),
        ("events.republished", "events"),
        ("something.new", UUID(int=6)),
    ],
)
async def test_what_has_no_page_is_linked_to_none(
    console: Office, action: str, subject: object
) -> None:
    assert await told(console, action, subject) == []
