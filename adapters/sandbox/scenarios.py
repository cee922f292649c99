"""The scenarios, one table: what the provider does, and what a correct client ends with.

The last three digits of a sandbox number choose, after the conventions of pawaPay's and MTN's
sandboxes. A scenario is data: `turns` say how the first, second, ... submit of a reference is
answered, `then` how every later one is, and `course` what becomes of it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from adapters.sandbox.behaviour import (
    PAYS,
    Ending,
    Expected,
    Hook,
    Manner,
    Moment,
    Refusal,
    Scenario,
    Step,
    Turn,
    Word,
)
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY

__all__ = ["SCENARIOS", "SUCCESS", "Ending", "Expected", "Scenario", "scenario_for"]

_REFUSE: Final = Turn(Manner.REFUSE, records=False)
_ENDS_REVIEW: Final = (Expected(Ending.REVIEW),)
_UNSPECIFIED: Final = "UNSPECIFIED_FAILURE"


def _refused(
    suffix: str, title: str, story: str, ours: str, orange: Refusal, afrimoney: Refusal
) -> Scenario:
    return Scenario(
        suffix=suffix,
        title=title,
        story=story,
        ends=(Expected(Ending.FAILED, ours),),
        then=_REFUSE,
        course=(),
        refusals={ORANGE_MONEY: orange, AFRIMONEY: afrimoney},
    )


_EVERYDAY: Final = (
    Scenario(
        suffix="789",
        title="success",
        story="Accepted as pending, paid a moment later, told by webhook.",
    ),
    Scenario(
        suffix="001",
        title="instant success",
        story="Paid at once: the answer to the submit already says so, and a webhook repeats it.",
        course=(Step(Moment.NOW, Word.SUCCESS, pays=True),),
    ),
    Scenario(
        suffix="002",
        title="slow",
        story="Accepted, pending for a long while, then paid and told by webhook.",
        course=(Step(Moment.SLOW, Word.SUCCESS, pays=True),),
    ),
    Scenario(
        suffix="003",
        title="accepted without an id or body",
        story=(
            "Accepted with nothing in the answer; the provider's id is learnt from the webhook or "
            "a status query."
        ),
        then=Turn(Manner.ACCEPT_BLANK),
        notes={
            AFRIMONEY: "its envelope cannot be empty: data has neither transactionId nor status"
        },
    ),
)

_REFUSALS: Final = (
    _refused(
        "011",
        "instant refusal",
        "Refused at the submit: the number is not a valid account. Nothing is created.",
        "RECIPIENT_INVALID",
        Refusal(400, "INVALID_PHONE_NUMBER", "Invalid account"),
        Refusal(422, "INVALID_PHONE_NUMBER", "Invalid account"),
    ),
    _refused(
        "019",
        "wallet limit",
        "Refused at the submit: the payee's wallet would exceed its limit. Nothing is created.",
        "RECIPIENT_LIMIT_REACHED",
        Refusal(422, "WALLET_LIMIT_REACHED", "The payee's wallet cannot take this amount"),
        Refusal(200, "WALLET_LIMIT_REACHED", "The recipient's wallet cannot take this amount"),
    ),
    _refused(
        "029",
        "name mismatch",
        "Refused at the submit: the name given is not the account holder's. Nothing is created.",
        "NAME_MISMATCH",
        Refusal(400, "NAME_MISMATCH", "The name does not match the account"),
        Refusal(422, "NAME_MISMATCH", "The name does not match the account"),
    ),
    Scenario(
        suffix="049",
        title="float empty",
        story=(
            "Refused while our float at the provider is empty; accepted and paid after a top-up, "
            "or after a while."
        ),
        refusals={
            ORANGE_MONEY: Refusal(400, "NOT_ENOUGH_FUNDS", "The payer does not have enough funds"),
            AFRIMONEY: Refusal(422, "INSUFFICIENT_FLOAT", "Insufficient funds"),
        },
        waits_for_float=True,
    ),
    _refused(
        "089",
        "recipient not found",
        "Refused at the submit: the provider knows no such account. Nothing is created.",
        "RECIPIENT_NOT_FOUND",
        Refusal(400, "PAYEE_NOT_FOUND", "Account not found"),
        Refusal(200, "RECIPIENT_NOT_FOUND", "Account not found"),
    ),
    _refused(
        "091",
        "recipient blocked",
        "Refused at the submit: the account may not receive money. Nothing is created.",
        "RECIPIENT_BLOCKED",
        Refusal(422, "PAYEE_NOT_ALLOWED_TO_RECEIVE", "The payee may not receive money"),
        Refusal(422, "ACCOUNT_SUSPENDED", "The recipient's account is suspended"),
    ),
    Scenario(
        suffix="119",
        title="unspecified failure",
        story="Accepted, then failed without a reason that anyone could act on; told by webhook.",
        ends=(Expected(Ending.FAILED, "UNSPECIFIED"),),
        course=(Step(Moment.SETTLED, Word.FAILED, reason=_UNSPECIFIED),),
    ),
)

_COURSES: Final = (
    Scenario(
        suffix="129",
        title="stuck for ever",
        story="Accepted and pending for ever; no webhook comes. A human has to ask.",
        ends=(Expected(Ending.OPEN), Expected(Ending.REVIEW)),
        course=(),
    ),
    Scenario(
        suffix="139",
        title="settles without a webhook",
        story="Accepted and paid, but nobody is told: only a status query finds out.",
        course=(Step(Moment.SETTLED, Word.SUCCESS, pays=True, hooks=()),),
    ),
    Scenario(
        suffix="149",
        title="cancelled",
        story="Accepted, then cancelled by the provider; told by webhook.",
        ends=(Expected(Ending.CANCELLED),),
        course=(Step(Moment.SETTLED, Word.CANCELLED),),
    ),
    Scenario(
        suffix="159",
        title="unknown word, then success",
        story=(
            "Accepted, then in a state that no page documents, then paid; each is told by webhook."
        ),
        course=(Step(Moment.SETTLED, Word.SETTLING), Step(Moment.LATE, Word.SUCCESS, pays=True)),
    ),
)

_ANSWERS: Final = (
    Scenario(
        suffix="201",
        title="time-out though paid",
        story=(
            "The provider takes the order and pays it; the answer to the submit comes long after "
            "any time-out."
        ),
        turns=(Turn(Manner.SILENCE),),
    ),
    Scenario(
        suffix="202",
        title="time-out, never received",
        story=(
            "The submit is lost and never answered; a look-up finds nothing, and sending again "
            "succeeds."
        ),
        turns=(Turn(Manner.SILENCE, records=False),),
    ),
    Scenario(
        suffix="203",
        title="500 though paid",
        story="The provider pays, then breaks while answering.",
        turns=(Turn(Manner.SERVER_ERROR),),
    ),
    Scenario(
        suffix="204",
        title="500 not paid, then fine",
        story=(
            "The provider breaks before it takes the order; a look-up finds nothing, and sending "
            "again succeeds."
        ),
        turns=(Turn(Manner.SERVER_ERROR, records=False),),
    ),
    Scenario(
        suffix="205",
        title="reset though paid",
        story="The provider pays; the connection is reset before a byte of the answer.",
        turns=(Turn(Manner.RESET),),
    ),
    Scenario(
        suffix="206",
        title="garbage answer though paid",
        story="The provider pays; its answer has the right code and a body that is not JSON.",
        turns=(Turn(Manner.GARBAGE),),
    ),
    Scenario(
        suffix="207",
        title="wrong 2xx",
        story="The provider pays and answers with another 2xx than the documented one.",
        turns=(Turn(Manner.WRONG_CODE),),
        notes={
            ORANGE_MONEY: "200 where 202 is documented",
            AFRIMONEY: "201 where 200 is documented",
        },
    ),
    Scenario(
        suffix="208",
        title="503 twice with Retry-After",
        story=(
            "The provider is unavailable twice and takes nothing; a look-up finds nothing; the "
            "third submit is taken."
        ),
        turns=(
            Turn(Manner.UNAVAILABLE, records=False, retry_after_s=1),
            Turn(Manner.UNAVAILABLE, records=False, retry_after_s=1),
        ),
    ),
    Scenario(
        suffix="209",
        title="429 once",
        story="Told once to come back in a second; nothing is taken; the second submit is.",
        turns=(Turn(Manner.TOO_MANY, records=False, retry_after_s=1),),
    ),
    Scenario(
        suffix="210",
        title="409 with another's transaction",
        story=(
            "The reference is already somebody else's: another payee, another amount, paid. It "
            "must not be adopted."
        ),
        ends=(Expected(Ending.REVIEW, "REFERENCE_CONFLICT"),),
        # Every time: also when our float was empty at the first.
        then=Turn(Manner.CONFLICT),
        course=(Step(Moment.NOW, Word.SUCCESS, hooks=()),),
        another_payee=True,
    ),
    Scenario(
        suffix="211",
        title="expired credentials once",
        story="The credentials are said to have expired, once; with fresh ones the order is taken.",
        turns=(Turn(Manner.CREDENTIALS_EXPIRED, records=False),),
        notes={
            ORANGE_MONEY: "401 code 42, the token is revoked",
            AFRIMONEY: "401 TIMESTAMP_EXPIRED",
        },
    ),
    Scenario(
        suffix="212",
        title="HTML page",
        story="The provider pays; something on the way answers 200 with a web page.",
        turns=(Turn(Manner.HTML),),
    ),
)

_WEBHOOKS: Final = (
    Scenario(
        suffix="301",
        title="webhook before the answer",
        story=(
            "Paid, and told by webhook, before the submit is answered; the answer still says "
            "pending."
        ),
        turns=(Turn(after_webhooks=True),),
        course=(Step(Moment.NOW, Word.SUCCESS, pays=True),),
    ),
    Scenario(
        suffix="302",
        title="five webhooks at once",
        story="Paid, and told five times at the same moment in the same bytes.",
        course=(Step(Moment.SETTLED, Word.SUCCESS, pays=True, hooks=(Hook(copies=5),)),),
    ),
    Scenario(
        suffix="303",
        title="success, then PENDING",
        story="Paid and told; later an old PENDING webhook arrives, which must change nothing.",
        course=(*PAYS, Step(Moment.LATE, hooks=(Hook(says=Word.PENDING),))),
    ),
    Scenario(
        suffix="304",
        title="FAILED, then success",
        story="Said to have failed, by webhook and status; later said to be paid, and it is.",
        ends=(Expected(Ending.REVIEW), Expected(Ending.COMPLETED)),
        course=(
            Step(Moment.SETTLED, Word.FAILED, reason=_UNSPECIFIED),
            Step(Moment.LATE, Word.SUCCESS, pays=True),
        ),
    ),
    Scenario(
        suffix="305",
        title="success, then REVERSED",
        story=(
            "Paid and told; later the provider takes the money back and says so with a word of "
            "its own."
        ),
        ends=_ENDS_REVIEW,
        course=(*PAYS, Step(Moment.LATE, Word.REVERSED, reverses=True)),
    ),
    Scenario(
        suffix="306",
        title="bad signature, then good",
        story=(
            "The first webhook carries a wrong signature; when it is refused, it is sent again "
            "with the right one."
        ),
        course=(Step(Moment.SETTLED, Word.SUCCESS, pays=True, hooks=(Hook(bad_signatures=1),)),),
    ),
    Scenario(
        suffix="307",
        title="webhook says completed, status says failed",
        story=(
            "The webhook, whose signature does not cover the state, says completed; the status "
            "says failed: unpaid."
        ),
        ends=(Expected(Ending.FAILED, "UNSPECIFIED"), Expected(Ending.REVIEW)),
        course=(
            Step(
                Moment.SETTLED,
                Word.FAILED,
                reason=_UNSPECIFIED,
                hooks=(Hook(says=Word.SUCCESS),),
            ),
        ),
        providers=(AFRIMONEY,),
        notes={AFRIMONEY: "only here: Orange Money's signature covers the state"},
    ),
    Scenario(
        suffix="308",
        title="webhook for an unknown reference",
        story=(
            "Paid and told; a well-signed webhook for a reference that nobody knows comes as well."
        ),
        course=(
            Step(Moment.SETTLED, Word.SUCCESS, pays=True, hooks=(Hook(stranger=True), Hook())),
        ),
    ),
    Scenario(
        suffix="309",
        title="pretty-printed body",
        story=(
            "Paid, and told in a webhook whose JSON is indented: the signature is over those very "
            "bytes."
        ),
        course=(Step(Moment.SETTLED, Word.SUCCESS, pays=True, hooks=(Hook(pretty=True),)),),
    ),
    Scenario(
        suffix="310",
        title="amount mismatch",
        story="Paid, but status and webhook tell another amount than the one ordered.",
        ends=_ENDS_REVIEW,
        echoes_another_amount=True,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {row.suffix: row for row in (*_EVERYDAY, *_REFUSALS, *_COURSES, *_ANSWERS, *_WEBHOOKS)},
)
"""Every scenario by its three digits."""

SUCCESS: Final = SCENARIOS["789"]
"""What happens to a number that no scenario claims."""


def scenario_for(provider: str, suffix: str | None) -> Scenario:
    """Return the scenario of that number at that provider; any other number simply succeeds."""
    found = SCENARIOS.get(suffix or "", SUCCESS)
    return found if provider in found.providers else SUCCESS
