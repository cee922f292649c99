"""What the same POST costs without a service behind it: `python -m tests.bench.bare KIND`.

Nothing is decided and nothing kept; served as the service is, by the same uvicorn.
- `asgi`: no framework, the body read and answered.
- `litestar`: as the framework's own pages write it: the token checked in a middleware, body and
  answer as Structs.
- `sqlite`: that, and before it answers a row kept by sqlite3 alone in the file in DATABASE: what
  waits together in one durable transaction, on a thread, with nothing decided.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from litestar import Litestar, Request, post
from litestar.datastructures import Headers, State
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import JSONBody
from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.system import SystemClock
from adapters.web.auth import SecretTokens
from application.callers import Caller
from tests.bench.limits import NaiveFile

_ANSWER: Final = b'{"success":true,"message":"Cash out request initiated","data":{"cashOutId":""}}'


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    walletId: str  # noqa: N815
    amount: int
    currency: str
    provider: str
    providerAccountId: str  # noqa: N815
    providerAccountName: str  # noqa: N815


async def asgi(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
    """Read the whole body, answer 202."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_ANSWER)).encode()),
    ]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})


class _Answer(msgspec.Struct):
    success: bool
    message: str
    data: dict[str, str]


class _Groups:
    """Keeps in one transaction what arrived while the last one was made durable."""

    def __init__(self, file: NaiveFile) -> None:
        self._file = file
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, user: str) -> None:
        """Return when it is durable."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((user, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            await asyncio.to_thread(self._file.take, [user for user, _ in group])
            for _, kept in group:
                kept.set_result(None)
        self._writing = None


class _Checked(ASGIMiddleware):
    """Lets pass who has a good token."""

    def __init__(self, tokens: SecretTokens) -> None:
        self._tokens = tokens

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        authorization = Headers.from_scope(scope)["authorization"]
        scope["user"] = await self._tokens.verify(authorization[7:])
        await next_app(scope, receive, send)


def litestar() -> Litestar:
    """Return an application that checks and decodes the way that the framework has for it."""

    @post("/", status_code=202)
    async def take(data: JSONBody[_Body]) -> _Answer:
        return _Answer(True, "Cash out request initiated", {"cashOutId": data.walletId})

    return _application(take)


def sqlite() -> Litestar:
    """Return the same, where each request's row is durable before it is answered."""
    groups = _Groups(NaiveFile(Path(os.environ["DATABASE"])))

    @post("/", status_code=202)
    async def take(request: Request[Caller, None, State], data: JSONBody[_Body]) -> _Answer:
        await groups.keep(request.user.user_id)
        return _Answer(True, "Cash out request initiated", {"cashOutId": data.walletId})

    return _application(take)


def _application(handler: HTTPRouteHandler) -> Litestar:
    checked = _Checked(_tokens())
    return Litestar([handler], middleware=[checked], openapi_config=None, logging_config=None)


def _tokens() -> SecretTokens:
    return SecretTokens(os.environ["JWT_SECRET"].encode(), SystemClock())


def main() -> None:
    """Serve one of them on the port in PORT."""
    app: Any = {"asgi": lambda: asgi, "litestar": litestar, "sqlite": sqlite}[sys.argv[1]]()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_config=None,
        access_log=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
