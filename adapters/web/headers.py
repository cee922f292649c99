"""Request headers that mean something to us: keys, preferences, languages, forms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litestar.exceptions import ClientException

from adapters.web.exchange import JSON, WebRequest, exchange_of
from adapters.web.problems import Detail, too_large, unsupported_media_type
from adapters.web.texts import LONGEST_KEY

LONGEST_WAIT_S: Final = 30
"""The longest that `Prefer: wait=N` is honoured for."""

_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_WAIT = re.compile(r'\s*wait\s*=\s*(?:"(\d{1,6})"|(\d{1,6}))\s*(?:;.*)?', re.ASCII | re.IGNORECASE)
_QUALITY = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_LANGUAGES: Final = ("en", "fr")
SPOKEN: Final = {
    liked: ((b"content-language", liked.encode()), (b"vary", b"Accept-Language"))
    for liked in _LANGUAGES
}
"""What an answer in a language says of it."""


def all_of(request: WebRequest, name: bytes) -> list[str]:
    """Return every value of a header, in order."""
    given = exchange_of(request).headers.get(name)
    return [value.decode("latin-1") for value in given] if given else []


def idempotency_key(request: WebRequest, faults: list[Detail]) -> str | None:
    """Return the Idempotency-Key; add to `faults` when it cannot be one."""
    given = all_of(request, b"idempotency-key")
    if not given:
        return None
    if len(given) > 1:
        faults.append(("Idempotency-Key", "Send it once."))
    elif not _VISIBLE.fullmatch(given[0]) or len(given[0]) > LONGEST_KEY:
        message = f"Use 1 to {LONGEST_KEY} visible ASCII characters, without spaces."
        faults.append(("Idempotency-Key", message))
    else:
        return given[0]
    return None


def preferred_wait(request: WebRequest) -> int | None:
    """Return how many seconds the client wants us to wait (RFC 7240), at most LONGEST_WAIT_S.

    None without such a preference; one that cannot be read is ignored, as the RFC says.
    """
    for value in all_of(request, b"prefer"):
        for preference in value.split(","):
            found = _WAIT.fullmatch(preference)
            if found:
                return min(int(found[1] or found[2]), LONGEST_WAIT_S)
    return None


def language(request: WebRequest) -> str:
    """Return the language of ours that the client likes best: `en` unless it prefers `fr`."""
    if b"accept-language" not in exchange_of(request).headers:
        return "en"
    liked = dict.fromkeys(_LANGUAGES, 0.0)
    for value in all_of(request, b"accept-language"):
        for entry in value[:200].split(","):
            tag, _, rest = entry.strip().lower().partition(";")
            quality = _QUALITY.fullmatch(rest.strip()) if rest else None
            if rest and quality is None:
                continue
            primary = tag.split("-")[0].strip()
            if primary in liked:
                weight = float(quality[1]) if quality else 1.0
                liked[primary] = max(liked[primary], weight)
    return "fr" if liked["fr"] > liked["en"] else "en"


def require_json(request: WebRequest) -> None:
    """Raise Problem UNSUPPORTED_MEDIA_TYPE unless the body is declared as JSON in UTF-8."""
    if exchange_of(request).headers.get(b"content-type") == [JSON]:
        return
    given = all_of(request, b"content-type")
    media, _, parameters = (given[0] if len(given) == 1 else "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise unsupported_media_type("Send JSON, with `Content-Type: application/json`.")


class ClientGone(ClientException):
    """The client hung up before its request was complete; nobody reads the answer."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """Reads bodies of at most `most_bytes`, declared or chunked."""

    most_bytes: int

    async def read(self, request: WebRequest) -> bytes:
        """Return the raw body; raise Problem PAYLOAD_TOO_LARGE, or ClientGone."""
        chunks: list[bytes] = []
        length, more = 0, True
        while more:
            message = await request.receive()
            if message["type"] != "http.request":
                raise ClientGone
            chunk = message.get("body", b"")
            length += len(chunk)
            if length > self.most_bytes:
                raise too_large(self.most_bytes)
            chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks)


def header_pairs(request: WebRequest) -> Sequence[tuple[str, str]]:
    """Return all headers as they came, repeated ones included."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.scope["headers"]
    ]
