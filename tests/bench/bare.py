"""What the same POST costs without a service behind it: `python -m tests.bench.bare asgi|litestar`.

`asgi`: no framework, the body read and answered. `litestar`: the token checked and the body decoded
as in the service, nothing decided and nothing kept. Served as the service is, by the same uvicorn.
"""

import os
import sys
from typing import Any, Final

import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post

from adapters.system import SystemClock
from adapters.web.auth import SecretTokens

_ANSWER: Final = b'{"success":true,"message":"Cash out request initiated","data":{"cashOutId":""}}'


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    walletId: str  # noqa: N815
    amount: msgspec.Raw
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


def litestar() -> Litestar:
    """Return an application that checks and decodes."""
    tokens = SecretTokens(os.environ["JWT_SECRET"].encode(), SystemClock())
    decoder = msgspec.json.Decoder(_Body)

    @post("/", status_code=202)
    async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
        await tokens.verify(request.headers["authorization"][7:])
        decoder.decode(await request.body())
        return Response(_ANSWER, media_type="application/json", status_code=202)

    return Litestar([take], openapi_config=None, logging_config=None)


def main() -> None:
    """Serve one of them on the port in PORT."""
    app = asgi if sys.argv[1] == "asgi" else litestar()
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
