"""Another application beside the API, in the same process and on the same port."""

from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.web.app import Api


class Beside:
    """Sends what is under a path to another application, and everything else on.

    It stands before all that the API does to a request: what it costs the API is one comparison.
    """

    def __init__(self, inner: ASGIApp, path: str, other: ASGIApp) -> None:
        """Take the API's own way, the path without a final slash, and the other application."""
        self._inner = inner
        self._path = path
        self._below = f"{path}/"
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request on."""
        path = scope["path"]
        theirs = path == self._path or path.startswith(self._below)
        await (self._other if theirs else self._inner)(scope, receive, send)


def mount(app: Api, path: str, other: ASGIApp) -> None:
    """Have an application answer everything at and below a path of the API's server."""
    app.asgi_handler = Beside(app.asgi_handler, path, other)
