"""The stream of events: how it is made, and whether one that exists will do."""

from dataclasses import dataclass
from datetime import timedelta

from nats.errors import Error
from nats.js import JetStreamContext, api
from nats.js.errors import BadRequestError, NotFoundError

STREAM = "CASH_OUT"
SUBJECTS = "cash_out.>"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What the service asks of its stream.

    replicas: 3 in a cluster. duplicate_window: within it JetStream drops a message told twice. It
    must outlast the longest gap between two tries of one event, which is the relay's pause plus a
    restart or failover of the broker or of a worker: minutes, so an hour. The server keeps every
    id of the window in memory (about 100 MB at 100 events a second), which speaks against a day.
    max_age: how long consumers can be away and still find what they missed. max_bytes: None leaves
    it to the server's `max_file_store`.

    A full stream refuses new events rather than drop old ones: refused events wait in the outbox,
    dropped ones would be gone. Atomic batches are allowed, which brokers before 2.12 do not know:
    one acknowledgement and one sync for many events.
    """

    name: str = STREAM
    replicas: int = 1
    duplicate_window: timedelta = timedelta(hours=1)
    max_age: timedelta = timedelta(days=14)
    max_bytes: int | None = None

    @property
    def config(self) -> api.StreamConfig:
        """The stream as it is made."""
        return api.StreamConfig(
            name=self.name,
            description="Cash-out events; written by the payment integration service.",
            subjects=[SUBJECTS],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            num_replicas=self.replicas,
            duplicate_window=self.duplicate_window.total_seconds(),
            max_age=self.max_age.total_seconds(),
            max_bytes=-1 if self.max_bytes is None else self.max_bytes,
            allow_atomic=True,
        )

    def misfits(self, config: api.StreamConfig) -> list[str]:
        """Return what is wrong with an existing stream, a sentence each; an empty list is good."""
        bounded = any((limit or -1) > 0 for limit in (config.max_bytes, config.max_msgs))
        window_s = self.duplicate_window.total_seconds()
        checks = {
            f"its subjects do not include {SUBJECTS}": not _covers(config.subjects or []),
            f"its duplicate window is {config.duplicate_window:g} s, less than {window_s:g} s": (
                config.duplicate_window < window_s
            ),
            "it does not acknowledge, so nothing is ever known to be stored": config.no_ack,
            "it is in memory, so a restart loses it": config.storage == api.StorageType.MEMORY,
            f"it has {config.num_replicas} replicas, fewer than {self.replicas}": (
                (config.num_replicas or 1) < self.replicas
            ),
            "it drops its oldest events when it is full": (
                bounded and config.discard == api.DiscardPolicy.OLD
            ),
            "it is not kept by limits, so a reader can take events from another": (
                config.retention != api.RetentionPolicy.LIMITS
            ),
            "it is sealed": config.sealed,
        }
        return [sentence for sentence, is_so in checks.items() if is_so]


async def make_if_absent(jetstream: JetStreamContext, settings: StreamSettings) -> api.StreamConfig:
    """Make the stream unless it exists; return how it is made.

    An existing stream is its operator's: it is never altered. Raises the client's errors.
    """
    try:
        info = await jetstream.stream_info(settings.name)
    except NotFoundError:
        info = await _make(jetstream, settings)
    return info.config


async def _make(jetstream: JetStreamContext, settings: StreamSettings) -> api.StreamInfo:
    try:
        return await jetstream.add_stream(settings.config)
    except BadRequestError as refusal:
        # Another process may have made it in the meantime, with other settings.
        try:
            return await jetstream.stream_info(settings.name)
        except Error:
            raise refusal from None


def _covers(subjects: list[str]) -> bool:
    return any(subject in {SUBJECTS, ">"} for subject in subjects)
