"""The worker: does what is due when told or by itself, and finishes what it began."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from application.gate import Errand
from application.lanes import Lane
from application.ports import Order, StorageUnavailable, Work
from application.worker import Pace
from domain.cash_out import CashOut
from domain.evidence import News
from domain.states import Status
from tests.application.at_work import passes, running, turns
from tests.application.wiring import USER, World, outside
from tests.strategies import ORANGE, a_request

pytestmark = pytest.mark.anyio


async def test_a_nudge_sends_at_once_and_the_events_follow(world: World) -> None:
    async with running(world, world.one.worker):
        cash_out = await world.taken()
        await turns()
        assert world.now(cash_out).provider_transaction_id == "MP-1"
        assert [each.type for each in world.told.events][:1] == ["cash_out.initiated"]


async def test_what_nobody_told_is_found_by_looking(world: World) -> None:
    async with running(world, world.one.worker):
        other = world.another()
        await other.take_requests([a_request()])
        await turns()
        assert world.provider.calls == []
        await passes(world, timedelta(seconds=2))
        assert [name for name, _ in world.provider.calls] == ["disburse"]


async def test_from_request_to_completed_by_itself(world: World) -> None:
    async with running(world, world.one.worker):
        cash_out = await world.taken()
        await turns()
        world.provider.settle_all()
        await passes(world, timedelta(seconds=10))
        assert world.now(cash_out).status is Status.COMPLETED
        await passes(world, timedelta(seconds=2))
        types = [each.type.removeprefix("cash_out.") for each in world.told.events]
        assert types == ["initiated", "processing", "completed"]


class WatchedLane(Lane):
    """A lane that knows in which batches submits were begun, and how many are on the wire."""

    batches: list[int]
    on_the_wire = 0

    def submits_begin(self, number: int, at: timedelta, errands: Sequence[Errand] = ()) -> None:
        super().submits_begin(number, at, errands)
        self.batches.append(number)


async def test_never_more_calls_than_the_lane_has_room_for_and_it_is_refilled(
    world: World,
) -> None:
    gate, busiest = asyncio.Semaphore(0), 0
    lane = WatchedLane(world.one.lane.provider, world.provider, most_submits=4)
    lane.batches, world.one.lanes[ORANGE] = [], lane

    async def hold(name: str, order: Order) -> None:
        nonlocal busiest
        await outside(name, order)
        lane.on_the_wire += 1
        busiest = max(busiest, lane.on_the_wire)
        await gate.acquire()
        lane.on_the_wire -= 1

    world.provider.before = hold
    async with running(world, world.one.worker) as worker:
        await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(10)])
        world.one.signals.work()
        await passes(world, timedelta(seconds=1))
        assert worker.in_flight == 4
        gate.release()
        await turns()
        assert len(world.provider.calls) == 5, "an answer makes room for the next at once"
        for _ in range(200):
            gate.release()
        await passes(world, timedelta(seconds=8))
    assert busiest == 4


async def test_a_steady_provider_is_kept_busy_by_few_batches(world: World) -> None:
    """The window slides: what is sent when an answer comes was begun beforehand, with others."""
    number, step, seen = 400, timedelta(milliseconds=5), list[int]()
    lane = WatchedLane(world.one.lane.provider, world.provider, most_submits=8)
    lane.batches, world.one.lanes[ORANGE] = [], lane

    async def answer_one_by_one(name: str, order: Order) -> None:
        await outside(name, order)
        lane.on_the_wire += 1
        await world.clock.sleep(step * (8 + len(world.provider.calls) % 8))
        lane.on_the_wire -= 1

    world.provider.before = answer_one_by_one
    await world.one.take_requests([a_request(user_id=f"u-{each}") for each in range(number)])
    async with running(world, world.one.a_worker(Pace(poll=timedelta(hours=1)))):
        while lane.submits:
            seen.append(lane.on_the_wire)
            world.clock.advance(step)
            await turns(20)
    assert sum(lane.batches) == len(world.provider.calls) == number
    assert len([each for each in lane.batches if each]) < number // 6
    assert max(seen) == 8
    assert seen.count(8) > 0.95 * len(seen), "no place was free for long"


async def test_a_batch_that_was_not_full_is_not_followed_by_a_look_for_nothing(
    world: World,
) -> None:
    lane = WatchedLane(world.one.lane.provider, world.provider, most_submits=8)
    lane.batches, world.one.lanes[ORANGE] = [], lane
    rare = Pace(poll=timedelta(hours=1), tidy=timedelta(hours=1))
    async with running(world, world.one.a_worker(rare)):
        await world.one.take_requests([a_request(user_id=f"u-{each}") for each in range(3)])
        await turns(100)
        assert lane.batches == [0, 3], "one look at the start, one when told"


async def test_an_answer_makes_room_for_the_next_question_at_once(world: World) -> None:
    cash_outs = [await world.sent(user_id=f"u-{number}") for number in range(5)]
    world.clock.advance(timedelta(seconds=30))
    world.one.lane.most_queries = 2
    rare = Pace(poll=timedelta(hours=1), tidy=timedelta(hours=1))
    async with running(world, world.one.a_worker(rare)):
        await turns(100)
        assert [world.now(each).asked for each in cash_outs] == [1] * 5


async def test_stopping_finishes_what_is_in_flight_and_takes_nothing_new(world: World) -> None:
    release = asyncio.Event()

    async def hold(name: str, order: Order) -> None:
        await outside(name, order)
        await release.wait()

    world.provider.before = hold
    cash_out = await world.taken()
    worker = world.one.worker
    task = asyncio.create_task(worker.run())
    await turns()
    assert worker.in_flight == 1
    worker.stop()
    await turns()
    later = await world.taken(user_id="user-2")
    await passes(world, timedelta(seconds=10))
    assert not task.done()
    release.set()
    await passes(world, timedelta(seconds=2))
    await asyncio.wait_for(task, 5)
    assert [each.outcome for each in world.now(cash_out).attempts] == ["accepted"]
    assert world.now(later) == later
    assert world.store.waiting == {}, "what was done has been told"
    assert world.store.leases == {}, "another process may relay at once"


async def test_what_does_not_finish_in_time_is_cut_off_and_asked_about_later(world: World) -> None:
    async def hang(name: str, order: Order) -> None:
        await outside(name, order)
        await asyncio.Event().wait()

    world.provider.before = hang
    cash_out = await world.taken()
    worker = world.one.a_worker(Pace(drain=timedelta(milliseconds=50)))
    task = asyncio.create_task(worker.run())
    await turns()
    worker.stop()
    await passes(world, timedelta(seconds=8))
    await asyncio.wait_for(task, 5)
    assert worker.in_flight == 0
    assert world.one.lane.submits == 0
    assert [each.outcome for each in world.now(cash_out).attempts] == [None]
    world.provider.before = outside
    await world.rest(world.another().worker, longest=timedelta(minutes=10))
    assert [each.outcome for each in world.now(cash_out).attempts] == ["unknown"]


async def test_draining_ends_although_others_go_on_adding_events(world: World) -> None:
    worker = world.one.a_worker(Pace(drain=timedelta(seconds=3)))
    rounds = 0

    async def one_more() -> None:
        nonlocal rounds
        rounds += 1
        await world.another().take_requests([a_request(user_id=f"busy-{rounds}")])
        world.clock.advance(timedelta(seconds=1))

    publish = world.told.publish

    async def busy(entries: list[object]) -> list[int]:
        acknowledged = await publish(entries)  # type: ignore[arg-type]
        await one_more()
        return acknowledged

    object.__setattr__(world.one.relay, "publisher", _Busy(busy))
    await world.taken()
    worker.stop()
    await asyncio.wait_for(worker.run(), 5)
    assert rounds == 3, "a round a second, and the last one when its time was up"
    assert world.store.leases == {}, "another process goes on at once"


async def test_a_broker_that_hangs_does_not_keep_it_from_ending(world: World) -> None:
    """What hangs when it is told to stop, and what hangs while it drains, has the drain time."""
    begun = 0

    async def hang(_entries: object) -> list[int]:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        return []

    object.__setattr__(world.one.relay, "publisher", _Busy(hang))
    cash_out = await world.taken()
    worker = world.one.a_worker(Pace(drain=timedelta(milliseconds=50)))
    task = asyncio.create_task(worker.run())
    await turns()
    assert begun == 1
    worker.stop()
    await asyncio.wait_for(task, 5)
    assert begun == 2, "cut off in its loop, and once more while it drained"
    assert world.store.leases == {}, "another process goes on at once"
    late = world.another().a_worker(Pace(drain=timedelta(milliseconds=50)))
    object.__setattr__(late.relay, "publisher", _Busy(hang))
    late.stop()
    await asyncio.wait_for(late.run(), 5)
    assert begun == 3
    assert world.now(cash_out).attempts != ()


async def test_what_breaks_while_it_drains_is_told_and_it_ends(world: World) -> None:
    worker = world.one.worker
    worker.stop()
    world.trouble(Trouble.AWAY, Trouble.AWAY)
    await asyncio.wait_for(worker.run(), 5)
    told = [(where, type(fault)) for where, fault in world.one.journal.faults]
    assert told == [("relay", StorageUnavailable)] * 2, "telling, and giving the lease up"


async def test_it_tidies_up_at_its_own_pace(world: World) -> None:
    world.one.lane.most_queries = 0
    rare = Pace(poll=timedelta(days=2), tidy=timedelta(seconds=5))
    async with running(world, world.one.a_worker(rare)):
        cash_out = await world.sent()
        await turns()
        world.clock.advance(world.policy.review_after)
        await passes(world, timedelta(seconds=6))
        assert world.now(cash_out).needs_review


async def test_what_a_round_of_tidying_leaves_does_not_wait_for_the_next(world: World) -> None:
    world.one.lane.most_queries = 0
    worker = world.one.a_worker(Pace(poll=timedelta(days=2), tidy=timedelta(seconds=5)))
    worker.reviews = replace(worker.reviews, largest=1)
    async with running(world, worker):
        cash_outs = [await world.sent(), await world.sent()]
        await turns()
        world.clock.advance(world.policy.review_after)
        await passes(world, timedelta(seconds=3))
        assert [world.now(each).needs_review for each in cash_outs] == [True, True]


async def test_a_step_with_nothing_to_do_has_done_nothing(world: World) -> None:
    assert await world.one.worker.step() == 0


class _Busy:
    """A publisher that does what it is told to after each round."""

    def __init__(self, publish: object) -> None:
        self.publish = publish


async def test_a_store_that_is_away_is_told_and_got_over(world: World) -> None:
    # Without the standings it would not even try to send.
    await world.one.health()
    world.trouble(*[Trouble.AWAY] * 12)
    async with running(world, world.one.worker) as worker:
        await passes(world, timedelta(seconds=4))
        assert world.one.journal.faults
        assert all(isinstance(fault, StorageUnavailable) for _, fault in world.one.journal.faults)
        assert {where for where, _ in world.one.journal.faults} == set(Work)
        assert worker.bugs == 0
        cash_out = await world.taken()
        await passes(world, timedelta(seconds=4))
        assert world.now(cash_out).provider_transaction_id is not None


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.FULL, Trouble.CONFLICT])
async def test_a_fault_of_the_store_is_no_bug(world: World, trouble: Trouble) -> None:
    worker = world.one.worker
    worker.stop()
    world.trouble(trouble)
    await asyncio.wait_for(worker.run(), 5)
    assert len(world.one.journal.faults) == 1
    assert worker.bugs == 0


async def test_a_store_that_is_away_is_not_hammered(world: World) -> None:
    async with running(world, world.one.worker):
        await passes(world, timedelta(seconds=6))
        opened = world.units.opened
        world.trouble(*[Trouble.AWAY] * 1_000)
        await passes(world, timedelta(seconds=10))
        # Two lanes with two loops each, and the relay, once a second; tidying now and then.
        assert 10 < world.units.opened - opened < 100
        world.units.troubles.clear()


async def test_work_that_was_cancelled_once_is_done_the_next_time(world: World) -> None:
    publish, rounds = world.told.publish, 0

    async def cancelled_once(entries: list[object]) -> list[int]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise asyncio.CancelledError
        return await publish(entries)  # type: ignore[arg-type]

    object.__setattr__(world.one.relay, "publisher", _Busy(cancelled_once))
    async with running(world, world.one.worker):
        await world.taken()
        await passes(world, timedelta(seconds=2))
        assert world.store.waiting == {}


def test_the_pace_is_written_out() -> None:
    seconds = [each.total_seconds() for each in (Pace().poll, Pace().tidy, Pace().drain)]
    assert (seconds, Pace().batch) == ([1, 5, 50], 100)


async def test_a_bug_with_one_cash_out_is_told_and_stops_no_other(world: World) -> None:
    bad = [await world.taken() for _ in range(2)]

    async def trip(name: str, order: Order) -> None:
        await outside(name, order)
        if order.cash_out_id in {each.id for each in bad}:
            raise ZeroDivisionError

    world.provider.before = trip
    good = await world.taken(user_id="user-2")
    async with running(world, world.one.worker) as worker:
        await passes(world, timedelta(seconds=3))
        assert world.now(good).provider_transaction_id is not None
        assert worker.bugs == 2
        told = [(where, type(fault)) for where, fault in world.one.journal.faults]
        assert told == [("submit", ZeroDivisionError)] * 2
    assert [each.outcome for each in world.now(bad[1]).attempts] == [None]


async def test_an_answer_that_cannot_be_kept_is_asked_for_again(world: World) -> None:
    cash_out = await world.taken()
    (begun,) = await world.one.submit.begin(world.one.lane, 1)
    world.trouble(Trouble.AWAY)
    with pytest.raises(StorageUnavailable):
        await world.one.submit.send(world.one.lane, begun)
    assert [each.outcome for each in world.now(cash_out).attempts] == [None]
    world.provider.settle_all()
    await world.rest(world.another().worker)
    assert world.now(cash_out).status is Status.COMPLETED
    assert len(world.provider.ledger) == 1


async def test_a_step_does_one_round_of_everything_to_its_end(world: World) -> None:
    worker = world.one.worker
    assert await worker.step() == 0
    cash_out = await world.taken()
    assert await worker.step() == 3, "one sent, two events told"
    assert worker.in_flight == 0
    assert world.now(cash_out).status is Status.PROCESSING
    world.one.lane.most_submits = world.one.lane.most_queries = 0
    await world.taken(user_id="user-2")
    world.clock.advance(timedelta(seconds=10))
    assert await worker.step() == 1, "no room: only its event"
    world.one.lane.most_queries = 1
    assert await worker.step() == 1, "one asked about, and nothing new to tell"
    world.clock.advance(world.policy.review_after)
    world.one.lane.most_queries = 0
    assert await worker.step() == 4, "two reviews raised, and told"


async def test_two_workers_share_the_work_and_do_nothing_twice(world: World) -> None:
    two = world.another()
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(60)])
    await asyncio.gather(world.one.worker.step(), two.worker.step())
    await asyncio.gather(world.one.worker.step(), two.worker.step())
    submits = [order.cash_out_id for name, order in world.provider.calls if name == "disburse"]
    assert len(submits) == len(set(submits)) == 60


async def test_a_worker_that_is_stopped_before_it_runs_ends_at_once(world: World) -> None:
    worker = world.one.worker
    worker.stop()
    await asyncio.wait_for(worker.run(), 5)
    assert worker.in_flight == 0


async def test_a_task_that_is_cancelled_from_outside_is_no_bug(world: World) -> None:
    cash_out: CashOut = await world.taken()

    async def cancelled(_name: str, _order: Order) -> None:
        raise asyncio.CancelledError

    world.provider.before = cancelled
    await world.one.worker.step()
    assert world.one.worker.bugs == 0
    assert world.one.journal.faults == []
    assert world.now(cash_out).attempts[0].outcome is None


async def test_a_webhook_that_came_too_early_is_matched_by_the_next_round(world: World) -> None:
    await world.tell(News("COMPLETED", Status.COMPLETED, "MP-1", "MINE-0001"))
    cash_out = await world.taken(reference="MINE-0001")
    world.one.lane.most_submits = 0
    assert await world.one.worker.step() == 3, "one matched, two events told"
    assert world.now(cash_out).status is Status.COMPLETED


async def test_a_webhook_that_overtook_its_request_is_matched_when_that_is_taken(
    world: World,
) -> None:
    rare = Pace(poll=timedelta(hours=1), tidy=timedelta(hours=1))
    async with running(world, world.one.a_worker(rare)):
        await world.tell(News("COMPLETED", Status.COMPLETED, "MP-1", "MINE-0001"))
        cash_out = await world.taken(reference="MINE-0001")
        await passes(world, timedelta(seconds=1))
        assert world.now(cash_out).status is Status.COMPLETED


class Counted:
    """A piece of housekeeping that counts its rounds and finds nothing."""

    rounds = 0

    async def __call__(self) -> int:
        """Do nothing."""
        self.rounds += 1
        return 0


async def test_what_is_taken_without_a_pause_is_no_reason_to_tidy_up_without_one(
    world: World,
) -> None:
    worker = world.one.worker
    matching, pruning = Counted(), Counted()
    worker.rematch, worker.prune = matching, pruning  # type: ignore[assignment]
    async with running(world, worker):
        for number in range(200):
            await world.taken(user_id=f"u-{number}")
            world.clock.advance(timedelta(milliseconds=10))
            await turns()
    assert 15 <= matching.rounds <= 22, "two seconds, ten times a second at most"
    assert pruning.rounds == 1, "each five seconds, whatever was taken"


async def test_orphans_and_reviews_are_looked_after_by_the_loops(world: World) -> None:
    world.provider.manner = lambda _: Manner.ACCEPTS
    async with running(world, world.one.worker):
        cash_out = await world.taken()
        await turns()
        world.clock.advance(world.policy.review_after)
        await passes(world, timedelta(seconds=6))
        assert world.now(cash_out).needs_review
    assert (await world.one.get(USER, UUID(int=cash_out.id.int))).needs_review


async def test_what_this_version_cannot_read_is_told_and_holds_up_no_other(world: World) -> None:
    silent = await world.sent(user_id="user-2")
    foreign, another = await world.taken(), await world.taken()
    world.store.unreadable |= {foreign.id, another.id, silent.id}
    world.one.journal.faults.clear()
    world.clock.advance(timedelta(seconds=9))
    good = await world.taken(user_id="user-3")
    await world.one.worker.step()
    assert world.now(good).provider_transaction_id is not None
    assert [(where, str(fault)) for where, fault in world.one.journal.faults] == [
        ("submit", f"{foreign.id}, {another.id}"),
        ("ask", str(silent.id)),
    ]
    assert world.now(foreign) == foreign
