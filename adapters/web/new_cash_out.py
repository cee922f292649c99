"""The body of POST /cash-out: read strictly, with every fault told at once."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from adapters.web.problems import Detail
from adapters.web.strict_json import JsonValue, Number, printable_name, read_object
from adapters.web.texts import (
    LONGEST_NAME,
    LONGEST_WALLET_ID,
    LONGEST_WORD,
    REFERENCE_PATTERN,
    Visible,
    Word,
    WrongText,
    payee_name,
    reference,
)

LONGEST_AMOUNT: Final = 400
PLAIN_DECIMAL: Final = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
"""How an amount is written. Not \\d: to many a regular expression that is every script's digits."""
_MOST_UNKNOWN: Final = 10

AmountText = Annotated[
    str,
    Meta(
        description="What the payee gets: a JSON number or a decimal string, read exactly as"
        " written. No exponent, at most as many decimals as the currency has.",
        extra_json_schema={
            "type": ["number", "string"],
            "exclusiveMinimum": 0,
            "pattern": PLAIN_DECIMAL,
            "examples": [1500, "10.50"],
        },
    ),
]


class NewCashOut(
    msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True, kw_only=True
):
    """What a client asks for. The amount is text: the domain reads it, exactly."""

    wallet_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_WALLET_ID,
            description="The wallet it is paid from, 1 to 64 visible characters.",
            examples=["wallet-1"],
        ),
    ]
    amount: AmountText
    currency: Annotated[
        str, Meta(description="ISO 4217, upper case.", pattern="^[A-Z]{3}$", examples=["XOF"])
    ]
    provider: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_WORD,
            description="An id of GET /providers.",
            examples=["orange_money"],
        ),
    ]
    provider_account_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_WORD,
            description="The payee's mobile number in international form; +, 00, spaces are fine.",
            examples=["+2250700000789"],
        ),
    ]
    provider_account_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_NAME,
            description="The account holder's name. Kept in Unicode's composed form (NFC);"
            " no control, invisible or direction-changing characters.",
            examples=["Awa Koné"],
        ),
    ]
    reference: (
        Annotated[
            str,
            Meta(
                pattern=f"^{REFERENCE_PATTERN}$",
                description="Unique, of your choice; drawn for you when left out.",
                examples=["ORDER-2026-000123"],
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


_REQUIRED: Final[dict[str, Callable[[str], str]]] = {
    "walletId": Visible(LONGEST_WALLET_ID),
    "currency": Word(LONGEST_WORD),
    "provider": Word(LONGEST_WORD),
    "providerAccountId": Word(LONGEST_WORD),
    "providerAccountName": payee_name,
}
_OPTIONAL: Final[dict[str, Callable[[str], str]]] = {"reference": reference}
_KNOWN: Final = frozenset({"amount", *_REQUIRED, *_OPTIONAL})


def read_new_cash_out(raw: bytes, faults: list[Detail]) -> NewCashOut | None:
    """Return what the body asks for, or None after adding to `faults` all that is wrong with it.

    Raises Problem BAD_REQUEST when it is no JSON object at all. Whether the amount is a sensible
    number is not decided here.
    """
    body = read_object(raw)
    found = len(faults)
    texts = {name: _text(body, name, rule, faults) for name, rule in _REQUIRED.items()}
    for name, rule in _OPTIONAL.items():
        if name in body:
            texts[name] = _text(body, name, rule, faults)
    amount = _amount(body, faults)
    unknown = [name for name in body if name not in _KNOWN]
    faults += [(printable_name(name), "Unknown field: leave it out.") for name in unknown][
        :_MOST_UNKNOWN
    ]
    if len(faults) > found:
        return None
    return NewCashOut(
        wallet_id=texts["walletId"],
        amount=amount,
        currency=texts["currency"],
        provider=texts["provider"],
        provider_account_id=texts["providerAccountId"],
        provider_account_name=texts["providerAccountName"],
        reference=texts.get("reference", msgspec.UNSET),
    )


def _text(
    body: dict[str, JsonValue], name: str, rule: Callable[[str], str], faults: list[Detail]
) -> str:
    if name not in body:
        faults.append((name, "Required."))
        return ""
    value = body[name]
    if not isinstance(value, str) or isinstance(value, Number):
        faults.append((name, "Must be a string."))
        return ""
    try:
        return rule(value)
    except WrongText as wrong:
        faults.append((name, wrong.message))
        return ""


def _amount(body: dict[str, JsonValue], faults: list[Detail]) -> str:
    value = body.get("amount")
    if "amount" not in body:
        faults.append(("amount", "Required."))
    elif not isinstance(value, str):
        faults.append(("amount", "Must be a number, or a decimal string like 10.50."))
    elif len(value) > LONGEST_AMOUNT:
        faults.append(("amount", f"Write at most {LONGEST_AMOUNT} characters."))
    else:
        return str(value)
    return ""
