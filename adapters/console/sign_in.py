"""Signing in and out."""

from secrets import token_urlsafe
from urllib.parse import parse_qs, quote, urlsplit

import structlog
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from adapters.console.assets import PUBLIC
from adapters.console.cookies import form_name, session_name, set_cookie
from adapters.console.door import SIGN_IN
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, Visit, visit_of
from application.masking import Plain
from application.operators import SignInRefused, TooManyTries
from application.ports import Overloaded

_WRONG = "This name and password do not go together, or the account is disabled."
_LONGEST_NEXT = 2_000
_KEPT = "/?#&=+%:;,@!$'()*~"
"""What means something in an address, and what is written in it already."""


def sign_in_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""
    settings, log = parts.settings, structlog.get_logger("cashout.console")

    def form(visit: Visit, status: int = 200, fault: str = "", wait_s: int = 0) -> Page:
        # A new one each time the form is shown: it ties the form to this browser.
        visit.pre_csrf = token_urlsafe(32)
        headers = {"set-cookie": set_cookie(form_name(settings), visit.pre_csrf, settings)}
        if wait_s:
            headers["retry-after"] = str(wait_s)
        onward = _onward(visit.form.get("next") or _asked_for(visit.path))
        name = visit.form.get("name", "")
        return pages.page(
            "sign_in.html", visit, status, headers, fault=fault, onward=onward, name=name
        )

    @get(SIGN_IN, opt={PUBLIC: True})
    async def sign_in_form(request: PageRequest) -> Page:
        return form(visit_of(request))

    @post(SIGN_IN, opt={PUBLIC: True})
    async def sign_in(request: PageRequest) -> Page:
        visit = visit_of(request)
        given = visit.form
        try:
            opened = await parts.sign_in(
                given.get("name", ""),
                given.get("password", ""),
                visit.address,
                instead_of=visit.token or None,
            )
        except SignInRefused:
            log.warning("sign_in_refused", address=Plain(visit.address), waits=False)
            return form(visit, 401, _WRONG)
        except TooManyTries as told:
            log.warning("sign_in_refused", address=Plain(visit.address), waits=True)
            wait_s = max(1, int(told.wait.total_seconds()))
            return form(
                visit, 429, f"Too many failed tries. Wait {wait_s} s and try again.", wait_s
            )
        except Overloaded as told:
            again = "Many are signing in. Try again in a moment."
            return form(visit, 503, again, told.retry_after_s)
        cookie = set_cookie(session_name(settings), opened.token, settings)
        return see_other(_onward(given.get("next", "")), {"set-cookie": cookie})

    @post(f"{BASE}/sign-out")
    async def sign_out(request: PageRequest) -> Page:
        await parts.sign_in.out(visit_of(request).token)
        gone = set_cookie(session_name(settings), "", settings)
        return see_other(SIGN_IN, {"set-cookie": gone})

    return [sign_in_form, sign_in, sign_out]


def _asked_for(path: str) -> str:
    found = parse_qs(urlsplit(path).query).get("next", [""])
    return found[0]


def _onward(path: str) -> str:
    """Return where to go after signing in: a page of the console, whatever was asked for."""
    path = path[:_LONGEST_NEXT]
    try:
        parts = urlsplit(path)
    except ValueError:
        return BASE
    ours = parts.path == BASE or parts.path.startswith(f"{BASE}/")
    plain = "\\" not in path and path.isprintable() and not parts.scheme and not parts.netloc
    # In the letters that a header may have: with any other the session would be open, and the
    # answer that brings its cookie would break.
    return quote(path, safe=_KEPT) if ours and plain and parts.path != SIGN_IN else BASE
