"""What `doctor` can learn about the broker, a finding each, with what to do about it."""

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPException

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from adapters.nats.connection import FAULTS, NatsConnection
from adapters.nats.stream_settings import StreamSettings

TIMEOUT_S = 3.0
ANSWER_LARGEST = 1024 * 1024
SYNC_ALWAYS = "`sync_interval: always`"


class Mark(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about the broker. remedy: what to do, empty where nothing is to be done."""

    mark: Mark
    fact: str
    remedy: str = ""


async def examine(
    connection: NatsConnection,
    settings: StreamSettings | None = None,
    monitor_url: str | None = None,
) -> list[Finding]:
    """Return what can be seen of the broker, in order; never raises, changes nothing.

    monitor_url: the server's monitoring endpoint, which alone tells whether it syncs every write.
    """
    settings = settings or StreamSettings()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            client = await connection.client()
    except FAULTS as fault:
        away = f"the broker at {connection.address} cannot be reached: {str(fault) or 'no answer'}"
        return [Finding(Mark.BAD, away, "start nats-server, or correct NATS_URL; events wait")]
    version = client.connected_server_version
    reached = f"the broker at {connection.address} answers: {version}"
    stream = await _stream(client.jetstream(timeout=TIMEOUT_S), settings)
    findings = [Finding(Mark.GOOD, reached), stream]
    if stream.mark is not Mark.BAD:
        findings.append(await asyncio.to_thread(_sync, monitor_url))
    return findings


async def _stream(jetstream: JetStreamContext, settings: StreamSettings) -> Finding:
    try:
        await jetstream.account_info()
    except FAULTS as fault:
        remedy = "switch JetStream on (a `jetstream` block in nats.conf) and let our user use it"
        return Finding(Mark.BAD, f"JetStream cannot be used: {fault}", remedy)
    try:
        info = await jetstream.stream_info(settings.name)
    except NotFoundError:
        absent = f"JetStream is on; the stream {settings.name} is made with the first event"
        return Finding(Mark.GOOD, absent)
    except FAULTS as fault:
        unseen = f"the stream {settings.name} cannot be looked at: {fault}"
        return Finding(Mark.UNKNOWN, unseen, "let our user read stream information")
    misfits = settings.misfits(info.config)
    if misfits:
        unfit = f"the stream {settings.name} exists, but {'; '.join(misfits)}"
        return Finding(Mark.WARNING, unfit, f"change it with `nats stream edit {settings.name}`")
    fits = f"the stream {settings.name} fits: {info.state.messages} events"
    if not info.config.allow_atomic:
        slower = f"{fits}; it takes no batches, so events are told one by one, which is slower"
        remedy = f"set `allow_atomic` by `nats stream edit {settings.name}` (nats-server 2.12)"
        return Finding(Mark.GOOD, slower, remedy)
    return Finding(Mark.GOOD, fits)


def _sync(monitor_url: str | None) -> Finding:
    """Say whether an acknowledged event is on the disk; takes the monitoring endpoint's address."""
    if not monitor_url:
        unseen = "whether the broker syncs every write can only be seen at its monitoring endpoint"
        return Finding(Mark.UNKNOWN, unseen, f"make sure that nats.conf says {SYNC_ALWAYS}")
    try:
        config = _jetstream_config(monitor_url)
    except (OSError, ValueError, HTTPException) as fault:
        unseen = f"the broker's monitoring endpoint does not answer: {_told(fault)}"
        return Finding(Mark.UNKNOWN, unseen, "correct its address, or open it to this host")
    if config.get("sync_always") is True:
        return Finding(Mark.GOOD, "the broker syncs every write: an acknowledged event is kept")
    lazy = "the broker syncs its files every few minutes: a power cut loses acknowledged events"
    return Finding(Mark.WARNING, lazy, f"set {SYNC_ALWAYS} in the `jetstream` block of nats.conf")


def _told(fault: Exception) -> str:
    # What a library says of an address that it does not understand may repeat its password.
    return str(fault) if isinstance(fault, OSError | _Untold) else type(fault).__name__


class _Untold(ValueError):
    """The endpoint is not what it should be."""


def _jetstream_config(monitor_url: str) -> dict[str, object]:
    if not monitor_url.startswith(("http://", "https://")):
        raise _Untold("its address must begin with http:// or https://")
    address = monitor_url.rstrip("/") + "/jsz?config=true"
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- checked above
        facts = json.loads(answer.read(ANSWER_LARGEST))
    config = facts.get("config") if isinstance(facts, dict) else None
    if not isinstance(config, dict):
        raise _Untold("it does not tell of JetStream")
    return config
