"""Nudges between processes: a worker on another host wakes within milliseconds of a commit."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import islice
from uuid import UUID, uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from adapters.nats.condition import Condition
from adapters.nats.connection import FAULTS, NatsConnection
from application.ports import Nudge, Work

SUBJECT = "cash_out_nudge"
"""Outside the subjects of the stream: nobody keeps a nudge."""
IDS_MOST = 256
"""Cash-outs named in one message."""
IDS_WAITING_MOST = 10_000
RETRY_AFTER_S = 1.0
LOOK_AFTER_S = 10.0
"""How often the connection is looked at while there is nothing to say."""
ID_BYTES = 16
WORK, CHANGED = b"w", b"c"
KINDS = {kind.value.encode(): kind for kind in Work}


class NatsNudge:
    """A Nudge for every process: the near one is told at once, the others through the broker.

    near: the nudge inside this process. While `run` is running, what is said here is sent to the
    others, and what they say is passed on to `near`. Without it, or without a broker, only `near`
    hears; the others find out by polling. No method raises or waits.

    A message is 16 bytes that name the sender, then `w` and kinds of work separated by commas, or
    `c` and 16 bytes per changed cash-out.
    """

    def __init__(self, connection: NatsConnection, near: Nudge) -> None:
        self._connection = connection
        self._near = near
        self._sender = uuid4().bytes
        self._work: set[Work] = set()
        self._changed: dict[UUID, None] = {}
        self._said = asyncio.Event()
        self._condition = Condition("nudges_stay_here", "nudges_reach_others")

    def work(self, *kinds: Work) -> None:
        """Tell the workers of every process that something of these kinds is due."""
        self._near.work(*kinds)
        self._work.update(kinds)
        self._said.set()

    def changed(self, ids: Sequence[UUID]) -> None:
        """Tell those who wait for these cash-outs, in every process, that they have changed."""
        self._near.changed(ids)
        room = IDS_WAITING_MOST - len(self._changed)
        self._changed.update(dict.fromkeys(islice(ids, max(room, 0))))
        self._said.set()

    async def run(self) -> None:
        """Send and receive until cancelled; a broker that is away is waited for."""
        while True:
            try:
                await self._exchange()
            except FAULTS as fault:
                self._condition.worsen(type(fault).__name__, fault=str(fault))
                await asyncio.sleep(RETRY_AFTER_S)

    async def _exchange(self) -> None:
        client = await self._connection.client()
        subscription = await client.subscribe(SUBJECT, cb=self._hear)
        try:
            self._condition.recover()
            while await self._connection.client() is client:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AFTER_S):
                        await self._said.wait()
                self._said.clear()
                await self._send(client)
        finally:
            with contextlib.suppress(Error):
                await subscription.unsubscribe()

    async def _send(self, client: Client) -> None:
        kinds, self._work = sorted(self._work), set()
        ids, self._changed = list(self._changed), {}
        if kinds:
            await client.publish(SUBJECT, self._sender + WORK + ",".join(kinds).encode())
        for start in range(0, len(ids), IDS_MOST):
            named = b"".join(each.bytes for each in ids[start : start + IDS_MOST])
            await client.publish(SUBJECT, self._sender + CHANGED + named)

    async def _hear(self, message: Msg) -> None:
        sender, tag = message.data[:ID_BYTES], message.data[ID_BYTES : ID_BYTES + 1]
        said = message.data[ID_BYTES + 1 :]
        if sender == self._sender:
            return
        if tag == WORK:
            # Another version of this service may know kinds that we do not.
            kinds = [KINDS[word] for word in said.split(b",") if word in KINDS]
            self._near.work(*kinds)
        elif tag == CHANGED and len(said) <= IDS_MOST * ID_BYTES and len(said) % ID_BYTES == 0:
            starts = range(0, len(said), ID_BYTES)
            self._near.changed([UUID(bytes=said[start : start + ID_BYTES]) for start in starts])
