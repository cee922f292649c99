"""Calls to our own HTTP API from the command line, as any client would make them."""

import asyncio
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 40
"""For a whole call: longer than the longest `Prefer: wait`."""
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. headers have lower-case names; took_ms is the whole call in milliseconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    took_ms: int

    @property
    def document(self) -> Any:  # noqa: ANN401 -- JSON is what it is
        """The body as JSON; raises ValueError when it is none."""
        return json.loads(self.body)

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the envelope, or an empty one."""
        found = self.document.get("data", {})
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Client:
    """A caller of one API: where it listens, and the token to show."""

    base_url: str
    token: str = field(repr=False)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a call over a connection of its own; raise OSError when there is no answer."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        payload = None
        if body is not None:
            payload = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        return await asyncio.to_thread(self._call, method, path, payload, sent)

    def _call(
        self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        started = time.monotonic_ns()
        address = urlsplit(self.base_url)
        # The standard library's client asks no environment for proxies: this stays on loopback.
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=TIMEOUT_S
        )
        try:
            connection.request(method, path, payload, dict(headers))
            response = connection.getresponse()
            received = response.read(MOST_BYTES)
        except http.client.HTTPException as fault:
            raise ConnectionError(f"{type(fault).__name__} at {self.base_url}") from fault
        finally:
            connection.close()
        took_ms = (time.monotonic_ns() - started) // 1_000_000
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, received, took_ms)
