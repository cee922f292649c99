"""The ledger's file: what a provider has taken and paid survives the death of its process."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, PROVIDERS
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import FloatAccount
from adapters.sandbox.ledger_file import LedgerFile, LedgerFileRefused
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.calls import HOME, NOW, Caller, payee

LONG = timedelta(days=30)

submits = st.lists(
    st.tuples(
        st.sampled_from(PROVIDERS),
        st.sampled_from(["CASH-A", "CASH-B", "CASH-C", "CASH-D"]),
        st.sampled_from(sorted(SCENARIOS)),
        st.integers(min_value=0, max_value=1_000),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def restored(file: LedgerFile) -> Engine:
    """Return an engine that begins with what the file tells."""
    engine = Engine(SandboxSettings(), book=file)
    engine.transactions.restore(file.read())
    return engine


@given(submits)
def test_a_sandbox_that_dies_between_any_two_calls_pays_what_one_that_lives_pays(
    sequence: list[tuple[str, str, str, int, bool]],
) -> None:
    """The same calls to an engine that lives and to engines that follow each other on one file."""
    with TemporaryDirectory() as folder, LedgerFile(Path(folder) / "ledger.jsonl") as file:
        lives, dies = Engine(SandboxSettings()), restored(file)
        now = NOW
        for provider, reference, suffix, wait_ms, death in sequence:
            now += timedelta(milliseconds=wait_ms)
            dies = restored(file) if death else dies
            for engine in (lives, dies):
                caller = Caller(engine, provider)
                caller.log_in(now)
                caller.submit(f"{reference}-{provider}", payee(provider, suffix), now)
        last = restored(file)
        for engine in (lives, dies, last):
            engine.settle(now + LONG)
        assert _story(last) == _story(dies) == _story(lives)
        assert dict(last.floats) == dict(dies.floats) == dict(lives.floats)


def _story(engine: Engine) -> list[tuple[object, ...]]:
    # Ids differ: chance begins anew with each process.
    return sorted(
        (each.provider, each.reference, each.amount, each.executed_at, each.reversed_at is None)
        for each in engine.ledger
    )


def test_a_reference_is_known_again_by_its_id(tmp_path: Path) -> None:
    with LedgerFile(tmp_path / "ledger.jsonl") as file:
        before = Caller(restored(file), AFRIMONEY)
        first = before.submit("CASH-0001", payee(AFRIMONEY, "789", "20"))
        after = Caller(restored(file), AFRIMONEY)
        again = after.submit("CASH-0001", payee(AFRIMONEY, "789", "20"), NOW + LONG)
        fresh = after.submit("CASH-0002", payee(AFRIMONEY, "789", "20"), NOW + LONG)
    assert first.reply is not None
    assert again.reply is not None
    assert fresh.reply is not None
    (transaction_id,) = (part for part in first.reply.body.decode().split('"') if "AFM-" in part)
    assert transaction_id in again.reply.body.decode()
    assert transaction_id not in fresh.reply.body.decode()
    assert after.engine.ledger.count("CASH-0001") == 1


def test_what_had_happened_is_not_announced_again_and_what_was_due_is(tmp_path: Path) -> None:
    with LedgerFile(tmp_path / "ledger.jsonl") as file:
        caller = Caller(restored(file), AFRIMONEY)
        caller.submit("CASH-0001", payee(AFRIMONEY, "001"))
        caller.submit("CASH-0002", payee(AFRIMONEY, "789"))
        after = restored(file)
        told = after.due(NOW + LONG)
        assert [b"CASH-0002" in dispatch.body for dispatch in told] == [True]
        assert {payout.reference for payout in after.ledger} == {"CASH-0001", "CASH-0002"}


def test_a_float_that_was_set_stays_set_and_a_reset_forgets_all(tmp_path: Path) -> None:
    account = FloatAccount(ORANGE_MONEY, *HOME[ORANGE_MONEY])
    with LedgerFile(tmp_path / "ledger.jsonl") as file:
        engine = restored(file)
        engine.transactions.put_float(account, Decimal(7), NOW)
        Caller(engine, AFRIMONEY).submit("CASH-0001", payee(AFRIMONEY, "001"))
        engine = restored(file)
        assert (engine.floats.balance(account), len(engine.ledger)) == (Decimal(7), 1)
        engine.reset()
        assert len(restored(file).ledger) == 0
        assert list(restored(file).floats) == []


def test_a_line_that_was_never_finished_is_dropped_and_the_next_one_is_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.jsonl"
    with LedgerFile(path) as file:
        Caller(restored(file), AFRIMONEY).submit("CASH-0001", payee(AFRIMONEY, "001"))
    path.write_bytes(path.read_bytes() + b'{"type":"tried","prov')
    with LedgerFile(path) as file:
        Caller(restored(file), AFRIMONEY).submit("CASH-0002", payee(AFRIMONEY, "001"))
        assert len(restored(file).ledger) == 2


def test_a_file_that_is_none_of_ours_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary,\n")
    with pytest.raises(LedgerFileRefused, match=r"notes\.txt, line 1"):
        Sandbox(SandboxSettings(ledger_file=path))
    assert path.read_text() == "Dear diary,\n"


@pytest.mark.anyio
async def test_two_sandboxes_do_not_share_a_file_and_the_next_one_may_have_it(
    tmp_path: Path,
) -> None:
    settings = SandboxSettings(ledger_file=tmp_path / "ledger.jsonl")
    account = {"provider": AFRIMONEY, "country": "SL", "currency": "SLE", "balance": "12.5"}
    async with httpx.AsyncClient(trust_env=False) as client:
        async with Sandbox(settings) as sandbox:
            with pytest.raises(LedgerFileRefused, match="another sandbox"):
                Sandbox(settings)
            await client.put(f"{sandbox.control_url}/float", json=account)
        async with Sandbox(settings) as successor:
            kept = await client.get(f"{successor.control_url}/float")
    assert [each["balance"] for each in kept.json()] == ["12.5"]
