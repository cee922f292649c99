"""Bugs that keep something from others: events and reviews."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_seeds, by_tests

TELLING = (
    Bug(
        "an event is told before its change is committed",
        "Others act on a cash-out that a failed commit has never made.",
        "adapters/memory/outbox.py",
        "            self._now.waiting.put(position, value=True)\n\n    async def waiting",
        "            self._now.waiting.put(position, value=True)\n"
        "            for table in (self._now.events, self._now.waiting):\n"
        "                table.commit()\n\n    async def waiting",
        by_seeds(300, Invariant.ONE_ENDING_ONE_EVENT),
    ),
    Bug(
        "events are told inside the transaction",
        "A slow broker holds the database's locks, and cash-outs wait for it.",
        "application/relay_events.py",
        "        told, marked = await asyncio.gather(",
        "        async with self.units.begin():\n            told, marked = await asyncio.gather(",
        by_seeds(50, Invariant.NO_NETWORK_IN_A_TRANSACTION),
    ),
    Bug(
        "the outbox is marked before the broker has it",
        "The event of an ending is lost with a broker or a process that dies.",
        "application/relay_events.py",
        "        entries = await self._page()\n",
        "        entries = await self._page()\n"
        "        await self._mark([each.position for each in entries])\n",
        by_seeds(100, Invariant.ONE_ENDING_ONE_EVENT),
    ),
    Bug(
        "what the broker did not take is marked as told",
        "A refused event is never told.",
        "application/relay_events.py",
        "            told += len(acknowledged)\n",
        "            acknowledged = [each.position for each in telling]\n"
        "            told += len(acknowledged)\n",
        by_seeds(300, Invariant.ONE_ENDING_ONE_EVENT),
    ),
    Bug(
        "events are told newest first",
        "Others hear of the end before the beginning.",
        "adapters/sql/outbox.py",
        "    return select(outbox).where(outbox.c.sent_at.is_(None))"
        ".order_by(outbox.c.position).limit(_MOST)\n",
        "    return select(outbox).where(outbox.c.sent_at.is_(None))"
        ".order_by(outbox.c.position.desc()).limit(_MOST)\n",
        by_tests(
            "tests/contracts/test_outbox.py::test_events_wait_in_the_order_they_were_added_word_for_word[sqlite]"
        ),
    ),
    Bug(
        "a message has no id for the broker",
        "Every event that is sent again is a second event.",
        "adapters/nats/messages.py",
        "        MESSAGE_ID: str(event.id),\n",
        "",
        by_tests("tests/adapters/nats/test_messages.py::test_headers_and_payload_are_frozen"),
    ),
    Bug(
        "nobody is called for what is overdue",
        "A cash-out that cannot be resolved stays open, unseen.",
        "application/housekeeping.py",
        "            ids = await unit.cash_outs.overdue(opened_before, self.largest)\n",
        "            ids = []\n",
        by_seeds(600, Invariant.OVERDUE_IS_REVIEWED),
    ),
    Bug(
        "a review is opened and nobody is told",
        "A cash-out waits for a human who does not know of it.",
        "domain/cash_out.py",
        "            self.announce(EventType.NEEDS_REVIEW)\n",
        "",
        by_seeds(50, Invariant.REVIEWS_ARE_TOLD),
    ),
    Bug(
        "what a cash-out ended for is not kept",
        "A dispute with the provider, and nothing to show.",
        "application/record_news.py",
        "            evidence=tuple(piece for change in changes for piece in change.evidence),\n",
        "",
        by_seeds(50, Invariant.ENDINGS_HAVE_EVIDENCE),
    ),
    Bug(
        "the sequence of events has holes",
        "A reader that waits for the missing number waits for ever.",
        "domain/cash_out.py",
        "        sequence = self.after.events + 1\n",
        "        sequence = self.after.events + 2\n",
        by_seeds(50, Invariant.ONE_ENDING_ONE_EVENT),
    ),
)
