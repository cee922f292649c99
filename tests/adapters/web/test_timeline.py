"""The timeline over HTTP: safe for its owner, in two languages; everything for operators."""

import pytest

from tests.adapters.web.house import BODY, CASH_OUTS, House, check_problem, signed_in

pytestmark = pytest.mark.anyio


async def a_sent_one(api: House) -> str:
    made = await api.made()
    await api.worker.step()
    return f"{CASH_OUTS}/{made}/timeline"


async def test_its_owner_reads_the_story_without_anything_internal(api: House) -> None:
    answer = await api.get(await a_sent_one(api))
    assert answer.status_code == 200
    told = answer.json()["data"]
    assert told["status"] == "processing"
    whats = [each["what"] for each in told["entries"]]
    assert whats[:2] == ["accepted", "sent"]
    allowed = {"at", "who", "what", "text", "state", "attempt"}
    assert {name for each in told["entries"] for name in each} <= allowed
    assert told["uncertain"][0]["doubt"] == "outcome"
    assert (told["atRisk"]["risk"], told["atRisk"]["amount"]) == ("may_be_paid", BODY["amount"])
    assert told["next"]["step"] in {"ask", "answer"}
    assert told["allowedActions"] == []


async def test_it_is_told_in_french_where_that_is_preferred(api: House) -> None:
    answer = await api.get(await a_sent_one(api), accept_language="fr-CI, fr;q=0.9")
    assert answer.headers["content-language"] == "fr"
    assert answer.json()["data"]["entries"][0]["text"] == "La demande a été acceptée."


async def test_an_operator_is_told_everything(api: House) -> None:
    answer = await api.get(await a_sent_one(api), user="ama", role="operator")
    entries = answer.json()["data"]["entries"]
    assert [each["evidence"]["sequence"] for each in entries] == list(range(1, len(entries) + 1))
    assert all(len(each["evidence"]["hash"]) == 64 for each in entries)
    assert entries[0]["events"] == [{"type": "cash_out.initiated", "sequence": 1}]


async def test_somebody_else_is_told_nothing(api: House) -> None:
    path = await a_sent_one(api)
    written = api.written
    check_problem(await api.get(path, user="user-2"), 403, "FORBIDDEN")
    check_problem(await api.get(f"{CASH_OUTS}/nonsense/timeline"), 404, "NOT_FOUND")
    assert api.written == written


async def test_what_can_be_cancelled_says_so_until_it_cannot(api: House) -> None:
    made = await api.made()
    path = f"{CASH_OUTS}/{made}"
    told = (await api.get(f"{path}/timeline")).json()["data"]
    assert (told["allowedActions"], told["atRisk"]["risk"]) == (["cancel"], "none")
    await api.client.post(f"{path}/cancel", headers=signed_in())
    told = (await api.get(f"{path}/timeline")).json()["data"]
    assert (told["allowedActions"], told["next"]["step"]) == ([], "nothing")
    assert told["entries"][-1]["who"] == "user"
