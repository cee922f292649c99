"""Forms: read with a bound, and believed only when one of our own pages sent them."""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from litestar.types import Receive

from adapters.console.parts import ConsoleSettings
from adapters.console.problems import Trouble, not_from_here, too_large

CSRF = "csrf"
"""The hidden field of every form."""
MOST_FIELDS = 50
"""In one form."""
_FORM = "application/x-www-form-urlencoded"
Headers = Mapping[str, str]


async def read_form(headers: Headers, receive: Receive, most: int) -> dict[str, str]:
    """Return the fields of a form, the last of those with one name; raise Trouble."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _FORM:
        raise Trouble(415, "This is no form of the console", "Nothing was changed.")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Trouble(400, "The form did not arrive as a whole", "Nothing was changed.")
        body += message.get("body", b"")
        if len(body) > most:
            raise too_large()
        more = message.get("more_body", False)
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Trouble(400, "This form cannot be read", "Nothing was changed.") from None
    return dict(fields)


def check_origin(headers: Headers, settings: ConsoleSettings) -> None:
    """Raise Trouble unless the browser says that the form was on a page of ours.

    Every browser of today sends Origin with a POST; the session's cookie and the hidden field are
    further bars, each of them enough by itself.
    """
    origin = headers.get("origin", "")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin" or not origin:
        raise not_from_here()
    if settings.origin:
        if origin != settings.origin:
            raise not_from_here()
        return
    if urlsplit(origin).netloc.casefold() != headers.get("host", "").casefold():
        raise not_from_here()


def check_csrf(form: Mapping[str, str], expected: str) -> None:
    """Raise Trouble unless the form carries what its session's pages put into it."""
    given = form.get(CSRF, "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise not_from_here()
