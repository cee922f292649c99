"""The five states: a table, a judge, and nothing that leaves an ending."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.states import ENDINGS, RANK, TRANSITIONS, Status, Verdict, judge, mermaid
from tests.strategies import statuses

PENDING, PROCESSING, COMPLETED, FAILED, CANCELLED = Status
MOVE, STALE, CONTRADICTION = Verdict.MOVE, Verdict.STALE, Verdict.CONTRADICTION

JUDGEMENTS = {
    PENDING: (STALE, MOVE, MOVE, MOVE, MOVE),
    PROCESSING: (STALE, STALE, MOVE, MOVE, MOVE),
    COMPLETED: (STALE, STALE, STALE, CONTRADICTION, CONTRADICTION),
    FAILED: (STALE, STALE, CONTRADICTION, STALE, CONTRADICTION),
    CANCELLED: (STALE, STALE, CONTRADICTION, CONTRADICTION, STALE),
}


@pytest.mark.parametrize("now", Status)
def test_the_judge_decides_every_pair_of_states(now: Status) -> None:
    assert tuple(judge(now, reported) for reported in Status) == JUDGEMENTS[now]


def test_the_states_and_transitions_are_those_of_the_old_api() -> None:
    assert [str(each) for each in Status] == [
        "pending",
        "processing",
        "completed",
        "failed",
        "cancelled",
    ]
    assert TRANSITIONS == {
        PENDING: (PROCESSING, COMPLETED, FAILED, CANCELLED),
        PROCESSING: (COMPLETED, FAILED, CANCELLED),
        COMPLETED: (),
        FAILED: (),
        CANCELLED: (),
    }
    assert ENDINGS == (COMPLETED, FAILED, CANCELLED)


@given(reports=st.lists(statuses))
def test_rank_only_grows_and_an_ending_stays(reports: list[Status]) -> None:
    path = [PENDING]
    for reported in reports:
        moves = judge(path[-1], reported) is MOVE
        path.append(reported if moves else path[-1])
        assert moves == (reported in TRANSITIONS[path[-2]])
    assert all(RANK[now] <= RANK[later] for now, later in pairwise(path))
    endings = [each for each in path if each in ENDINGS]
    assert len(set(endings)) <= 1


def test_the_diagram_has_every_transition_and_every_ending() -> None:
    lines = mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> pending"]
    arrows = {line.strip() for line in lines[2:]}
    assert arrows == {f"{now} --> {later}" for now in Status for later in TRANSITIONS[now]} | {
        f"{ending} --> [*]" for ending in ENDINGS
    }
