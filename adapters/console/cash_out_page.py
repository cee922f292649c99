"""The page of one cash-out: its story, how it stands, and what the one who looks may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of
from application.timeline import Entry, What
from application.timeline_entries import IN_THEIR_WORDS
from domain.evidence import ProofKind
from domain.states import Status

LIST: Final = f"{BASE}/cash-outs"
_LOGGED: Final = 20
DONE: Final = {
    "proposed": "Proposed. Somebody who may approve sees it in the review queue.",
    "approved": "Approved. It was judged like all news, and others were told.",
    "rejected": "Rejected. The review stays open.",
    "withdrawn": "Withdrawn. The review stays open.",
    "judged": "Judged. What the webhook said is in the evidence.",
    "cancelled": "Cancelled. Nothing will be sent.",
}
"""What was done, by the word that an address carries."""
_COLOURS: Final = {
    What.DECLINED: "bad",
    What.NOT_TAKEN: "warn",
    What.NO_ANSWER: "warn",
    What.SILENT: "quiet",
    What.OVERDUE: "warn",
    What.RULED: "busy",
    What.SENT: "busy",
    What.TAKEN: "busy",
}
_ENDINGS: Final = {
    Status.COMPLETED: "good",
    Status.FAILED: "bad",
    Status.CANCELLED: "quiet",
    Status.PROCESSING: "busy",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with what was asked for, and in which field; empty where it is no field's."""

    field: str
    says: str


def path_of(cash_out_id: UUID) -> str:
    """Return the path of a cash-out's page."""
    return f"{LIST}/{cash_out_id}"


def colour_of(entry: Entry) -> str:
    """Return the class of an entry's mark: by what it led to, else by what it is."""
    if entry.state is not None:
        return _ENDINGS.get(entry.state, "quiet")
    return _COLOURS.get(entry.what, "quiet")


@dataclass(frozen=True, slots=True)
class CashOutPage:
    """Makes the page, wherever a cash-out is shown."""

    parts: ConsoleParts
    pages: Pages

    async def __call__(
        self,
        request: PageRequest,
        identity: UUID,
        *,
        in_full: bool = False,
        faults: Sequence[Fault] = (),
        status: int = 200,
    ) -> Page:
        """Return it; raise NotFound. in_full: with number and name. faults: of a form."""
        visit, parts = visit_of(request), self.parts
        story = await parts.explain(visit.caller, identity)
        one = story.cash_out
        return self.pages.page(
            "cash_out.html",
            visit,
            status,
            one=one,
            story=story,
            file=await parts.desk.read.one(visit.caller, identity),
            four_eyes=parts.desk.four_eyes,
            proofs=list(ProofKind),
            in_full=in_full,
            faults=faults,
            done=DONE.get(request.query_params.get("done", ""), ""),
            colour_of=colour_of,
            evidence=await parts.reader.evidence(identity),
            in_their_words=IN_THEIR_WORDS,
            events=await parts.console.events(identity),
            logged=await parts.log.about(str(identity), _LOGGED),
            provider=parts.catalogue.providers.get(one.provider),
        )
