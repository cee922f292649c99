"""Pages: templates filled in on the server, every value of them escaped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

from adapters.console import words
from adapters.console.assets import assets
from adapters.console.parts import BASE
from adapters.console.places import place_text
from adapters.console.visits import Visit
from application.callers import Permission
from application.masking import scrubbed
from application.ports import Clock

_TEMPLATES: Final = Path(__file__).with_name("templates")
_HTML: Final = "text/html"
Page = Response[bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the navigation. needs: the permission to see it."""

    path: str
    label: str
    icon: str
    needs: Permission = Permission.SEE_ALL


NAVIGATION: Final = (
    Place(BASE, "Overview", "pulse"),
    Place(f"{BASE}/cash-outs", "Cash-outs", "list"),
    Place(f"{BASE}/reviews", "Reviews", "flag"),
    Place(f"{BASE}/statements", "Reconciliation", "sheet"),
    Place(f"{BASE}/webhooks", "Webhooks", "bell"),
    Place(f"{BASE}/providers", "Providers", "plug"),
    Place(f"{BASE}/tariffs", "Limits and tariffs", "scale"),
    Place(f"{BASE}/log", "Operators' log", "book"),
)


@dataclass(slots=True)
class Pages:
    """Fills in templates. clock: whose time the pages are of."""

    clock: Clock
    places: tuple[Place, ...] = NAVIGATION
    _templates: Environment = field(init=False)

    def __post_init__(self) -> None:
        """Compile every template now: the first visitor does not wait for it."""
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        filters: dict[str, Callable[..., Any]] = {
            # A user's id is whatever the one who signs them in says: it may be a phone number.
            "scrubbed": scrubbed,
            "money": words.money,
            "count": words.count,
            "size": words.size,
            "span": words.span,
            "moment": words.moment,
            "short": words.short,
            "took": words.took,
        }
        self._templates.filters.update(filters)
        self._templates.globals.update(
            place_text=place_text,
            asset=lambda name: assets()[name].path,
            base=BASE,
            plural=words.plural,
            minor=words.minor,
            percent=words.percent,
            status_words=words.STATUS_WORDS,
            review_words=words.REVIEW_WORDS,
            answers=words.ANSWERS,
            resolution_words=words.RESOLUTION_WORDS,
            proof_words=words.PROOF_WORDS,
            break_words=words.BREAK_WORDS,
            reason_words=words.REASON_WORDS,
            who_words=words.WHO_WORDS,
        )
        for name in self._templates.list_templates():
            self._templates.get_template(name)

    def page(
        self,
        template: str,
        visit: Visit | None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **facts: Any,  # noqa: ANN401 -- whatever a template shows
    ) -> Page:
        """Return a filled-in template as an answer. visit: None where nobody can be known."""
        now = self.clock.now()
        known = {
            "visit": visit,
            "now": now,
            "places": self.places,
            "when": partial(words.when, now=now),
            "since": partial(words.since, now=now),
        }
        html = self._templates.get_template(template).render({**known, **facts})
        return Response(
            html.encode("utf-8"), media_type=_HTML, status_code=status, headers=dict(headers or {})
        )


def see_other(path: str, headers: Mapping[str, str] | None = None) -> Page:
    """Return the answer to a form that was taken: look there now."""
    return Response(
        b"", status_code=303, media_type=_HTML, headers={"location": path, **(headers or {})}
    )


__all__ = ["NAVIGATION", "Page", "Pages", "Place", "see_other"]
