"""Triggers: the database refuses an illegal change of state and a rewritten piece of evidence.

They are generated from the table of transitions, so that code and database cannot disagree.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

State = TypeVar("State", bound=str)

_POSTGRES = (
    """CREATE FUNCTION refuse_illegal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.status, NEW.status) IN ({legal}) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a cash-out that is % may not become %', OLD.status, NEW.status
    USING ERRCODE = 'check_violation';
END $$""",
    """CREATE TRIGGER legal_transition BEFORE UPDATE OF status ON cash_outs
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
EXECUTE FUNCTION refuse_illegal_transition()""",
    """CREATE FUNCTION refuse_change_of_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'evidence is only ever added' USING ERRCODE = 'restrict_violation';
END $$""",
    """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON evidence
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_evidence()""",
)

_SQLITE = (
    """CREATE TRIGGER legal_transition BEFORE UPDATE OF status ON cash_outs
FOR EACH ROW WHEN OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (VALUES {legal})
BEGIN
  SELECT RAISE(ABORT, 'a cash-out may not become that any more');
END""",
    """CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
BEGIN
  SELECT RAISE(ABORT, 'evidence is only ever added');
END""",
    """CREATE TRIGGER evidence_is_not_deleted BEFORE DELETE ON evidence
BEGIN
  SELECT RAISE(ABORT, 'evidence is only ever added');
END""",
)

_DROP_POSTGRES = (
    "DROP TRIGGER append_only ON evidence",
    "DROP FUNCTION refuse_change_of_evidence()",
    "DROP TRIGGER legal_transition ON cash_outs",
    "DROP FUNCTION refuse_illegal_transition()",
)

_DROP_SQLITE = (
    "DROP TRIGGER evidence_is_not_deleted",
    "DROP TRIGGER evidence_is_not_changed",
    "DROP TRIGGER legal_transition",
)


def create_guards(dialect: str, transitions: Mapping[State, Sequence[State]]) -> list[str]:
    """Return the statements that make the guards; `transitions` says what each state may become."""
    legal = ", ".join(f"('{now}', '{later}')" for now in transitions for later in transitions[now])
    statements = _SQLITE if dialect == "sqlite" else _POSTGRES
    return [statement.replace("{legal}", legal) for statement in statements]


def drop_guards(dialect: str) -> list[str]:
    """Return the statements that take the guards away."""
    return list(_DROP_SQLITE if dialect == "sqlite" else _DROP_POSTGRES)
