"""Bodies of operators' requests: read strictly, with every fault told at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from adapters.web.problems import Detail, bad_request
from adapters.web.strict_json import JsonValue, Number, printable_name, read_object
from application.rule_on_reviews import AskedResolution
from domain.evidence import Proof, ProofKind, Resolution

Kind = TypeVar("Kind", bound=StrEnum)

_FIELDS: Final = ("resolution", "reason", "proof", "providerTransactionId", "seen")
_PROOF_FIELDS: Final = ("kind", "reference", "text")


@dataclass(slots=True)
class _Fields:
    """The members of an object being read. Lengths are the rules' to judge, kinds are ours."""

    values: dict[str, JsonValue]
    faults: list[Detail]
    prefix: str = ""

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Return a text, or None where it is absent or at fault."""
        if name not in self.values:
            if required:
                self.faults.append((self.prefix + name, "Required."))
            return None
        value = self.values[name]
        if not isinstance(value, str) or isinstance(value, Number):
            self.faults.append((self.prefix + name, "Must be a string."))
            return None
        return value

    def word(self, name: str, kinds: type[Kind]) -> Kind | None:
        """Return one of some words."""
        text = self.text(name, required=True)
        if text is None:
            return None
        if text not in set(kinds):
            self.faults.append((self.prefix + name, f"Use one of: {', '.join(kinds)}."))
            return None
        return kinds(text)

    def only(self, known: Sequence[str]) -> None:
        """Note fields that nobody asked for."""
        self.faults += [
            (self.prefix + printable_name(name), "Unknown field: leave it out.")
            for name in self.values
            if name not in known
        ]


def read_resolution(raw: bytes) -> AskedResolution:
    """Return what is proposed; raise Problem BAD_REQUEST with every fault."""
    faults: list[Detail] = []
    body = _Fields(read_object(raw), faults)
    resolution = body.word("resolution", Resolution)
    reason = body.text("reason", required=True)
    proof = _proof(body.values["proof"], faults) if "proof" in body.values else None
    transaction_id, seen = body.text("providerTransactionId"), body.text("seen")
    body.only(_FIELDS)
    if faults or resolution is None or reason is None:
        raise bad_request(faults)
    return AskedResolution(resolution, reason, proof, transaction_id, seen)


def _proof(value: JsonValue, faults: list[Detail]) -> Proof | None:
    if not isinstance(value, dict):
        faults.append(("proof", "Must be an object."))
        return None
    fields = _Fields(value, faults, prefix="proof.")
    kind = fields.word("kind", ProofKind)
    reference, text = fields.text("reference", required=True), fields.text("text")
    fields.only(_PROOF_FIELDS)
    return Proof(kind, reference, text or "") if kind and reference is not None else None


def read_reason(raw: bytes, *, required: bool) -> str:
    """Return the reason of a body; without `required` there may be none, nor a body."""
    if not raw and not required:
        return ""
    faults: list[Detail] = []
    body = _Fields(read_object(raw), faults)
    reason = body.text("reason", required=required)
    body.only(("reason",))
    if faults:
        raise bad_request(faults)
    return reason or ""
