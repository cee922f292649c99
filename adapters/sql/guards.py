"""Triggers: the database refuses an illegal change of state and a rewritten piece of evidence.

They are generated from the table of transitions, so that code and database cannot disagree.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

State = TypeVar("State", bound=str)

_TRANSITIONS = {
    "postgresql": (
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
    ),
    "sqlite": (
        """CREATE TRIGGER legal_transition BEFORE UPDATE OF status ON cash_outs
FOR EACH ROW WHEN OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (VALUES {legal})
BEGIN
  SELECT RAISE(ABORT, 'a cash-out may not become that any more');
END""",
    ),
}
_NO_TRANSITIONS = {
    "postgresql": (
        "DROP TRIGGER legal_transition ON cash_outs",
        "DROP FUNCTION refuse_illegal_transition()",
    ),
    "sqlite": ("DROP TRIGGER legal_transition",),
}
_APPEND_ONLY = {
    "postgresql": (
        """CREATE FUNCTION refuse_change_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{table} is only ever added' USING ERRCODE = 'restrict_violation';
END $$""",
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change_of_{table}()""",
    ),
    "sqlite": (
        """CREATE TRIGGER {table}_is_not_changed BEFORE UPDATE ON {table}
BEGIN
  SELECT RAISE(ABORT, '{table} is only ever added');
END""",
        """CREATE TRIGGER {table}_is_not_deleted BEFORE DELETE ON {table}
BEGIN
  SELECT RAISE(ABORT, '{table} is only ever added');
END""",
    ),
}
_NOT_APPEND_ONLY = {
    "postgresql": (
        "DROP TRIGGER append_only ON {table}",
        "DROP FUNCTION refuse_change_of_{table}()",
    ),
    "sqlite": ("DROP TRIGGER {table}_is_not_deleted", "DROP TRIGGER {table}_is_not_changed"),
}


_DECIDED_ONCE = {
    "postgresql": (
        """CREATE FUNCTION refuse_second_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a decision about a proposal is for ever' USING ERRCODE = 'restrict_violation';
END $$""",
        """CREATE TRIGGER decided_once BEFORE UPDATE ON proposals
FOR EACH ROW WHEN (OLD.state <> 'proposed') EXECUTE FUNCTION refuse_second_decision()""",
        """CREATE TRIGGER never_deleted BEFORE DELETE ON proposals
FOR EACH ROW EXECUTE FUNCTION refuse_second_decision()""",
    ),
    "sqlite": (
        """CREATE TRIGGER proposal_is_decided_once BEFORE UPDATE ON proposals
FOR EACH ROW WHEN OLD.state <> 'proposed'
BEGIN
  SELECT RAISE(ABORT, 'a decision about a proposal is for ever');
END""",
        """CREATE TRIGGER proposal_is_not_deleted BEFORE DELETE ON proposals
BEGIN
  SELECT RAISE(ABORT, 'a decision about a proposal is for ever');
END""",
    ),
}
_NOT_DECIDED_ONCE = {
    "postgresql": (
        "DROP TRIGGER never_deleted ON proposals",
        "DROP TRIGGER decided_once ON proposals",
        "DROP FUNCTION refuse_second_decision()",
    ),
    "sqlite": ("DROP TRIGGER proposal_is_not_deleted", "DROP TRIGGER proposal_is_decided_once"),
}


def decided_once(dialect: str) -> list[str]:
    """Return the statements after which a decided proposal is never changed, and none deleted."""
    return list(_DECIDED_ONCE[dialect])


def no_longer_decided_once(dialect: str) -> list[str]:
    """Return the statements that take that guard away."""
    return list(_NOT_DECIDED_ONCE[dialect])


def create_guards(dialect: str, transitions: Mapping[State, Sequence[State]]) -> list[str]:
    """Return the statements that guard cash-outs and evidence.

    transitions: what each state may become.
    """
    legal = ", ".join(f"('{now}', '{later}')" for now in transitions for later in transitions[now])
    judging = [statement.replace("{legal}", legal) for statement in _TRANSITIONS[dialect]]
    return [*judging, *append_only(dialect, "evidence")]


def drop_guards(dialect: str) -> list[str]:
    """Return the statements that take those guards away."""
    return [*no_longer_append_only(dialect, "evidence"), *_NO_TRANSITIONS[dialect]]


def append_only(dialect: str, table: str) -> list[str]:
    """Return the statements after which rows of this table are only ever added."""
    return [statement.replace("{table}", table) for statement in _APPEND_ONLY[dialect]]


def no_longer_append_only(dialect: str, table: str) -> list[str]:
    """Return the statements that take that guard away."""
    return [statement.replace("{table}", table) for statement in _NOT_APPEND_ONLY[dialect]]
