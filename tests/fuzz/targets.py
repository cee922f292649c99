"""Every target, by its name."""

from typing import Final

from tests.fuzz import answers, documents, requests, tokens, webhooks
from tests.fuzz.target import Target

TARGETS: Final[dict[str, Target]] = {
    each.name: each
    for each in (
        *webhooks.TARGETS,
        *answers.TARGETS,
        *tokens.TARGETS,
        *requests.TARGETS,
        *documents.TARGETS,
    )
}
