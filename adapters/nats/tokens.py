"""Provider tokens shared between processes: a NATS key-value bucket, in the broker's memory.

Off by default. Whoever may read the bucket may use the tokens, so the broker's users must be kept
apart. It only spares token calls: whatever goes wrong here is a miss, and the asker gets its own.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from nats.js import JetStreamContext, api
from nats.js.errors import BadRequestError, BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue

from adapters.nats.condition import Condition
from adapters.nats.connection import FAULTS, NatsConnection

BUCKET = "provider_tokens"
TIMEOUT_S = 1.0
"""For one operation, connecting included: longer is worse than fetching a token."""
KEPT_LONGEST_S = 24 * 3600.0
VALUE_LARGEST = 32 * 1024
BUCKET_LARGEST = 1024 * 1024


class Expiring(Protocol):
    """A secret and the moment, aware, from which it is useless."""

    @property
    def value(self) -> str:
        """The secret."""
        ...

    @property
    def expires_at(self) -> datetime:
        """When it ends."""
        ...


Token = TypeVar("Token", bound=Expiring)
Result = TypeVar("Result")


class NatsTokens(Generic[Token]):
    """A store of tokens by key, shared by all processes of one broker.

    make: builds a token from its value and its end. No method raises: a broker that is away makes
    `get` a miss and leaves the others without effect.
    """

    def __init__(
        self,
        connection: NatsConnection,
        make: Callable[[str, datetime], Token],
        *,
        bucket: str = BUCKET,
        timeout_s: float = TIMEOUT_S,
        replicas: int = 1,
    ) -> None:
        self._connection = connection
        self._make = make
        self._bucket = bucket
        self._timeout_s = timeout_s
        self._replicas = replicas
        self._condition = Condition("shared_tokens_away", "shared_tokens_back")

    async def get(self, key: str) -> Token | None:
        """Return the token kept under a key; None when there is none or it cannot be had."""
        return await self._try(self._get(key))

    async def put(self, key: str, token: Token) -> None:
        """Keep a token until it ends."""
        await self._try(self._put(key, token))

    async def drop(self, key: str, value: str) -> None:
        """Remove the token if it is still this very one; a newer one is left alone."""
        await self._try(self._drop(key, value))

    async def _get(self, key: str) -> Token | None:
        _, bucket = await self._open()
        return self._read((await bucket.get(key)).value)

    async def _put(self, key: str, token: Token) -> None:
        jetstream, _ = await self._open()
        kept = json.dumps({"value": token.value, "expiresAt": token.expires_at.isoformat()})
        left_s = (token.expires_at - datetime.now(UTC)).total_seconds()
        if left_s >= 1:
            await jetstream.publish(
                f"$KV.{self._bucket}.{key}", kept.encode(), msg_ttl=min(left_s, KEPT_LONGEST_S)
            )

    async def _drop(self, key: str, value: str) -> None:
        _, bucket = await self._open()
        entry = await bucket.get(key)
        token = self._read(entry.value)
        if token is not None and token.value == value:
            # The revision guards a newer token that is put in this very moment: that is refused.
            with contextlib.suppress(BadRequestError):
                await bucket.delete(key, last=entry.revision)

    def _read(self, kept: bytes | None) -> Token | None:
        try:
            facts = json.loads(kept or b"")
            value, ends = str(facts["value"]), datetime.fromisoformat(facts["expiresAt"])
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        # Whatever else is in the bucket, by another version or by hand, must not break a payout.
        fits_a_header = bool(value) and value.isascii() and value.isprintable() and " " not in value
        return self._make(value, ends) if fits_a_header and ends.tzinfo is not None else None

    async def _try(self, operation: Awaitable[Result]) -> Result | None:
        """Return what an operation returns; None when it found nothing, failed or took too long."""
        result: Result | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await operation
        except KeyNotFoundError:
            # An answer like any other.
            result = None
        except FAULTS as fault:
            self._condition.worsen(type(fault).__name__, bucket=self._bucket, fault=str(fault))
            return None
        self._condition.recover(bucket=self._bucket)
        return result

    async def _open(self) -> tuple[JetStreamContext, KeyValue]:
        client = await self._connection.client()
        jetstream = client.jetstream(timeout=self._timeout_s)
        try:
            return jetstream, await jetstream.key_value(self._bucket)
        except BucketNotFoundError:
            return jetstream, await self._create(jetstream)

    async def _create(self, jetstream: JetStreamContext) -> KeyValue:
        config = api.KeyValueConfig(
            bucket=self._bucket,
            description="Provider tokens; a cache that may be deleted at any time.",
            # Secrets: they are never written to a disk.
            storage=api.StorageType.MEMORY,
            history=1,
            ttl=KEPT_LONGEST_S,
            max_value_size=VALUE_LARGEST,
            max_bytes=BUCKET_LARGEST,
            replicas=self._replicas,
        )
        # Making what another process has just made in the same way is no fault to the broker.
        return await jetstream.create_key_value(config)
