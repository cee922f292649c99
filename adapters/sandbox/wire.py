"""What crosses the wire, as data: requests, reactions with their faults, strict JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as received. `path` is below the provider's base and still percent-encoded.

    Header names are lower case; a header sent twice is joined with a comma, as HTTP has it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """Return the content type without its parameters, lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    def with_header(self, name: str, value: str) -> "Reply":
        """Return the same reply with one more header."""
        return Reply(self.status, self.body, (*self.headers, (name, value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFault:
    """What goes wrong below HTTP.

    Durations are in seconds; `truncate_at` counts bytes of the body.
    """

    delay_s: float = 0.0
    hang_s: float = 0.0
    reset: bool = False
    truncate_at: int | None = None
    after_webhooks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What the provider does on a request.

    `reply` None means that the connection ends without an answer, after `wire` has been acted out.
    `payouts` are the transactions paid by this very call, `webhooks` the deliveries it scheduled.
    """

    reply: Reply | None
    wire: WireFault = field(default_factory=WireFault)
    payouts: tuple[str, ...] = ()
    webhooks: tuple[int, ...] = ()


class Rejected(Exception):
    """The request breaks the protocol; carries the reply that says how."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class JsonNumber:
    """A number exactly as it was written."""

    text: str


class NotJson(Exception):
    """The body is not one strict JSON object."""


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; numbers come back as `JsonNumber`.

    Raises `NotJson` on anything else: other encodings than UTF-8, duplicate keys, NaN, deep
    nesting.
    """
    try:
        value = json.loads(
            body.decode(),
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except (ValueError, RecursionError) as problem:
        raise NotJson(str(problem)) from None
    if not isinstance(value, dict):
        raise NotJson("the body is not an object")
    return value


def _no_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        message = "a key is given twice"
        raise ValueError(message)
    return fields


def write_json(value: Mapping[str, object], *, pretty: bool = False) -> bytes:
    """Write an object, decimals as plain numbers (1500, 10.5); on one line, or indented."""
    return _written(value, 0 if pretty else None).encode()


def _written(value: object, level: int | None) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    below = None if level is None else level + 1
    colon = ":" if level is None else ": "
    parts = [f"{json.dumps(key)}{colon}{_written(item, below)}" for key, item in value.items()]
    if level is None or not parts:
        return f"{{{','.join(parts)}}}"
    pad = "\n" + "  " * (level + 1)
    return "{" + pad + f",{pad}".join(parts) + "\n" + "  " * level + "}"
