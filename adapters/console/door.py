"""The door of the console: who asks, whether a form is one of ours, and what every page says."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import quote

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from adapters.console.assets import PUBLIC
from adapters.console.cookies import form_name, read_cookies, session_name
from adapters.console.forms import check_csrf, check_origin, read_form
from adapters.console.pages import Page, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.peers import address_of
from adapters.console.requests import REQUEST_ID, Requests
from adapters.console.uploads import ROOM, brings_file, read_upload
from adapters.console.visits import Visit, put
from application.callers import Permission

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With less than this a browser does not tell where a form comes from.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
_STRICT_TRANSPORT: Final = "max-age=31536000; includeSubDomains"
_SAFE: Final = {"GET", "HEAD", "OPTIONS"}
SIGN_IN: Final = f"{BASE}/sign-in"
REFRESH: Final = "x-refresh"
"""The header of a request that a page makes by itself: nobody did anything."""
NEEDS: Final = "needs"
"""The permission of a route, in its options; without one it is SEE_ALL."""
BRINGS_FILE: Final = "brings_file"
"""The mark of a route whose form has a file behind its fields; it names what it NEEDS."""


class Outside:
    """Wraps the console's application: security headers with every answer, a line of log each."""

    def __init__(self, inner: ASGIApp, parts: ConsoleParts) -> None:
        """Take the application."""
        self._inner = inner
        self._requests = Requests(parts.clock, parts.watch)
        strict = [("strict-transport-security", _STRICT_TRANSPORT)]
        always = [*_ALWAYS.items(), *(strict if parts.settings.secure else [])]
        self._always = [(name.encode(), value.encode()) for name, value in always]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked, status = self._requests.begin(scope), 0
        offered: Mapping[str, Any] = scope.get("extensions") or {}
        kept = {ROOM: offered[ROOM]} if ROOM in offered else {}
        known = {"request_id": asked.request_id}
        told: dict[str, Any] = {**scope, "state": known, "extensions": kept}
        if told.get("method") == "HEAD":
            told["method"] = "GET"

        async def say(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                own = list(message["headers"])
                names = {name for name, _ in own}
                own += [each for each in self._always if each[0] not in names]
                own.append((REQUEST_ID, asked.request_id.encode("ascii")))
                message["headers"] = own
            elif scope.get("method") == "HEAD" and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self._inner(told, receive, say)  # type: ignore[arg-type]
        finally:
            self._requests.end(asked, told, status)


class Door:
    """Stands before every route: nobody passes without a session and the permission it takes.

    A middleware. What a POST brings along is read here, so that no form is taken unchecked.
    """

    def __init__(self, parts: ConsoleParts, app: ASGIApp) -> None:
        """Take the parts, and the way on."""
        self._parts = parts
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer it; raise Trouble, or Forbidden."""
        told: dict[str, Any] = scope  # type: ignore[assignment]
        handler, settings = told["route_handler"], self._parts.settings
        headers = _by_name(told["headers"])
        visit = await self._visit(told, headers, public=bool(handler.opt.get(PUBLIC)))
        put(told, visit)
        if told["method"] not in _SAFE:
            check_origin(headers, settings)
        if not handler.opt.get(PUBLIC) and visit.signed_in is None:
            answer = _to_sign_in(visit, headers, told["method"])
            await answer.to_asgi_response(None, told["litestar_app"])(scope, receive, send)
            return
        if told["method"] not in _SAFE:
            if handler.opt.get(BRINGS_FILE) and brings_file(headers):
                # Not a byte is read from who may not send any.
                visit.caller.must(handler.opt[NEEDS])
                visit.form, visit.upload = await read_upload(headers, told, receive, settings)
            else:
                visit.form = await read_form(headers, receive, settings.form_most)
            check_csrf(visit.form, visit.csrf)
        if not handler.opt.get(PUBLIC):
            visit.caller.must(handler.opt.get(NEEDS, Permission.SEE_ALL))
        await self._app(scope, receive, send)

    async def _visit(
        self, told: Mapping[str, Any], headers: Mapping[str, str], *, public: bool
    ) -> Visit:
        settings = self._parts.settings
        query = told.get("query_string", b"").decode("latin-1")
        peer = str((told.get("client") or [""])[0])
        visit = Visit(
            path=told["path"] + (f"?{query}" if query else ""),
            address=address_of(peer, told["headers"], settings.trusted_proxies),
        )
        if public and told["path"] != SIGN_IN:
            return visit
        cookies = read_cookies(headers.get("cookie", ""))
        visit.token = cookies.get(session_name(settings), "")
        visit.pre_csrf = cookies.get(form_name(settings), "")
        if visit.token and not public:
            used = REFRESH not in headers
            visit.signed_in = await self._parts.sign_in.whose(visit.token, used=used)
        return visit


def _to_sign_in(visit: Visit, headers: Mapping[str, str], method: str) -> Page:
    """Send to the sign-in page, and back afterwards.

    A link on another site, as in a message about an alert, comes without the session's cookie: it
    is told to ask again, from here.
    """
    if headers.get("sec-fetch-site") == "cross-site" and method == "GET":
        again = _ARRIVED.replace("PATH", _quoted(visit.path))
        return Page(again.encode(), media_type="text/html")
    if method != "GET" or visit.path == BASE:
        return see_other(SIGN_IN)
    return see_other(f"{SIGN_IN}?next={_encoded(visit.path)}")


_ARRIVED: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta http-equiv="refresh" content="0;url=PATH"><title>One moment</title></head>'
    '<body><p><a href="PATH">Go on to the console</a></p></body></html>'
)


def _quoted(path: str) -> str:
    return escape(path, quote=True)


def _encoded(path: str) -> str:
    return quote(path, safe="/")


def _by_name(headers: Any) -> dict[str, str]:  # noqa: ANN401 -- pairs of bytes, of any kind
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


__all__ = ["BRINGS_FILE", "NEEDS", "POLICY", "SIGN_IN", "Door", "Outside"]
