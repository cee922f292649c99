"""Cookies: the session's, and the one that ties the sign-in form to its browser."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from adapters.console.parts import ConsoleSettings

_LONGEST = 4_096


def session_name(settings: ConsoleSettings) -> str:
    """Return the name of the session's cookie: over TLS one that no other host can set."""
    return "__Host-cashout-session" if settings.secure else "cashout-session"


def form_name(settings: ConsoleSettings) -> str:
    """Return the name of the sign-in form's cookie."""
    return "__Host-cashout-form" if settings.secure else "cashout-form"


def read_cookies(header: str) -> Mapping[str, str]:
    """Return the cookies of a request; none of a header that cannot be read."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header[:_LONGEST])
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def set_cookie(name: str, value: str, settings: ConsoleSettings) -> str:
    """Return the header that sets a cookie until the browser closes, or takes it away (empty).

    Neither scripts nor other sites get at it. A cookie whose name begins with `__Host-` has the
    whole host as its path.
    """
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
    if settings.secure:
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    return "; ".join(parts)
