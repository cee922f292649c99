"""Reviews and webhooks at the console: one proposes, another approves, and refusals are told."""

import re
from uuid import UUID

import httpx
import pytest

from domain.cash_out import CashOut
from domain.evidence import ReviewReason
from domain.states import Status
from tests.adapters.console.office import Browser, Office
from tests.contracts.stores import changed, moved

pytestmark = pytest.mark.anyio

PROPOSED = {
    "resolution": "paid",
    "reason": "The portal shows it as paid.",
    "proof": "provider_portal",
    "proof_reference": "TX-1",
    "proof_text": "paid 1500",
    "provider_transaction_id": "",
}


async def contradicted(console: Office) -> CashOut:
    """Store a failed cash-out of which the provider says now that it was paid."""
    one = await console.made()
    failed = await console.keep(moved(one, Status.FAILED, console.clock.now()))
    now = console.clock.now()
    return await console.keep(
        changed(failed, review=ReviewReason.CONTRADICTION, contradicted=True, updated_at=now)
    )


async def propose(browser: Browser, one: CashOut, **form: str) -> httpx.Response:
    page = await browser.get(f"/console/cash-outs/{one.id}")
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', page.text)
    path = f"/console/cash-outs/{one.id}/propose"
    return await browser.post(path, {"seen": seen, **PROPOSED, **form})


def proposal_of(console: Office) -> UUID:
    (found,) = console.store.proposals
    return UUID(str(found))


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
async def test_while_a_review_is_open_an_ending_is_not_told_as_certain(
    console: Office, status: Status
) -> None:
    one = await console.made()
    ended = await console.keep(moved(one, status, console.clock.now()))
    path = f"/console/cash-outs/{one.id}"
    vera = await console.signed_in("vera")
    certain = {Status.COMPLETED: "Yes. The provider", Status.FAILED: "No. It is proven"}[status]
    assert certain in (await vera.get(path)).text
    reviewed = changed(
        ended, review=ReviewReason.UNRECOGNISED_AFTER_ENDING, updated_at=console.clock.now()
    )
    await console.keep(reviewed)
    text = (await vera.get(path)).text
    assert certain not in text
    assert f"Our record says {status.value}, and something was said since" in text


async def test_a_cash_out_that_the_provider_cancelled_is_not_told_as_never_sent(
    console: Office,
) -> None:
    one = await console.made()
    await console.keep(moved(one, Status.CANCELLED, console.clock.now()))
    text = (await (await console.signed_in("vera")).get(f"/console/cash-outs/{one.id}")).text
    assert "No. It was cancelled, and it is certain that nothing was paid." in text


async def test_one_proposes_and_another_approves(console: Office) -> None:
    one = await contradicted(console)
    oscar, ada = await console.signed_in("oscar"), await console.signed_in("ada")
    taken = await propose(oscar, one)
    assert taken.headers["location"] == f"/console/cash-outs/{one.id}?done=proposed"
    assert "by oscar" in (await ada.get("/console/reviews")).text
    page = await ada.get(f"/console/cash-outs/{one.id}")
    assert "Approve: paid" in page.text
    path = f"/console/cash-outs/{one.id}/proposals/{proposal_of(console)}/approve"
    done = await ada.post(path, {"why": "seen there too"})
    assert done.headers["location"] == f"/console/cash-outs/{one.id}?done=approved"
    settled = console.store.cash_outs[one.id]
    assert settled.review is None
    assert settled.status is Status.FAILED
    assert "cash_out.review_resolved" in (await ada.get(done.headers["location"])).text
    actions = [(who, what) for who, what, _ in console.logged if what.startswith("review.")]
    assert actions == [("oscar", "review.proposed"), ("ada", "review.approved")]


async def test_who_proposes_cannot_approve(console: Office) -> None:
    one = await contradicted(console)
    ada = await console.signed_in("ada")
    await propose(ada, one)
    page = await ada.get(f"/console/cash-outs/{one.id}")
    assert "somebody else has to approve it" in page.text
    assert "/approve" not in page.text
    path = f"/console/cash-outs/{one.id}/proposals/{proposal_of(console)}/approve"
    answer = await ada.post(path)
    assert answer.status_code == 422
    assert "Who proposes cannot approve" in answer.text
    assert console.store.cash_outs[one.id].review is ReviewReason.CONTRADICTION


async def test_a_rejection_says_why_and_leaves_the_review_open(console: Office) -> None:
    one = await contradicted(console)
    oscar, ada = await console.signed_in("oscar"), await console.signed_in("ada")
    await propose(oscar, one)
    await ada.get(f"/console/cash-outs/{one.id}")
    path = f"/console/cash-outs/{one.id}/proposals/{proposal_of(console)}/reject"
    assert (await ada.post(path, {"why": ""})).status_code == 422
    answer = await ada.post(path, {"why": "Another payment."})
    assert answer.headers["location"].endswith("?done=rejected")
    page = await oscar.get(f"/console/cash-outs/{one.id}")
    assert "Another payment." in page.text
    assert "Propose how it is settled" in page.text


async def test_a_proposal_is_decided_on_the_page_of_its_own_cash_out(console: Office) -> None:
    one, other = await contradicted(console), await console.made(77)
    oscar, ada = await console.signed_in("oscar"), await console.signed_in("ada")
    await propose(oscar, one)
    proposal = proposal_of(console)
    for who, word in ((ada, "approve"), (ada, "reject"), (oscar, "withdraw")):
        path = f"/console/cash-outs/{other.id}/proposals/{proposal}/{word}"
        assert (await who.post(path, {"why": "by mistake"})).status_code == 404, word
    assert [each.is_open for each in console.store.proposals.values()] == [True]


async def test_a_proposal_can_be_taken_back_by_who_made_it(console: Office) -> None:
    one = await contradicted(console)
    oscar = await console.signed_in("oscar")
    await propose(oscar, one)
    page = await oscar.get(f"/console/cash-outs/{one.id}")
    assert "/withdraw" in page.text
    path = f"/console/cash-outs/{one.id}/proposals/{proposal_of(console)}/withdraw"
    assert (await oscar.post(path)).headers["location"].endswith("?done=withdrawn")


async def test_what_is_missing_is_told_and_what_was_written_is_not_lost(console: Office) -> None:
    one = await contradicted(console)
    oscar = await console.signed_in("oscar")
    answer = await propose(oscar, one, proof_reference="", reason="Only <this> was written.")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "Number of the proof" in answer.text
    assert "Only &lt;this&gt; was written." in answer.text
    assert console.store.proposals == {}


async def test_a_proposal_on_an_old_look_is_refused(console: Office) -> None:
    one = await contradicted(console)
    oscar = await console.signed_in("oscar")
    answer = await propose(oscar, one, seen="what-was-known-before")
    assert answer.status_code == 422
    assert "Something new is known" in answer.text


async def test_nothing_else_than_a_resolution_can_be_proposed(console: Office) -> None:
    one = await contradicted(console)
    oscar = await console.signed_in("oscar")
    assert (await propose(oscar, one, resolution="delete_it")).status_code == 422
    assert (await propose(oscar, one, resolution="keep_waiting", proof="")).status_code == 422
    assert console.store.proposals == {}


async def test_the_queue_can_be_narrowed_to_a_reason(console: Office) -> None:
    one = await contradicted(console)
    vera = await console.signed_in("vera")
    for reason, shown in (("contradiction", True), ("echo_mismatch", False), ("nonsense", True)):
        page = await vera.get(f"/console/reviews?reason={reason}")
        assert (f"/console/cash-outs/{one.id}#review" in page.text) is shown, reason


async def test_a_webhook_is_judged_again_or_put_aside(console: Office) -> None:
    early, stray = await console.received(7, "REF-000001"), await console.received(8, "REF-9")
    one = await console.made(provider="orange_money")
    oscar = await console.signed_in("oscar")
    still = await oscar.post(f"/console/webhooks/{stray}/replay")
    assert still.headers["location"] == "/console/webhooks?done=still_nobodys"
    assert "There is still no cash-out" in (await oscar.get(still.headers["location"])).text
    judged = await oscar.post(f"/console/webhooks/{early}/replay")
    assert judged.headers["location"] == f"/console/cash-outs/{one.id}?done=judged"
    refused = await oscar.post(f"/console/webhooks/{stray}/dismiss", {"reason": ""})
    assert refused.status_code == 422
    gone = await oscar.post(f"/console/webhooks/{stray}/dismiss", {"reason": "Not ours."})
    assert gone.headers["location"] == "/console/webhooks?done=dismissed"
    actions = [what for _, what, _ in console.logged if what.startswith("webhook.")]
    assert actions == ["webhook.replayed", "webhook.replayed", "webhook.dismissed"]


async def test_a_webhook_that_is_not_there_or_not_readable_is_refused(console: Office) -> None:
    oscar = await console.signed_in("oscar")
    assert (await oscar.post(f"/console/webhooks/{UUID(int=99)}/replay")).status_code == 422
    blank = await console.received(9, "", readable=False)
    answer = await oscar.post(f"/console/webhooks/{blank}/replay")
    assert "nothing to judge in it" in answer.text
