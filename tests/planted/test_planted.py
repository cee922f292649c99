"""What is planted is found: the quickest of the list here, all of it by `make bite`."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.planted import __main__ as command
from tests.planted.__main__ import control, find
from tests.planted.bug import Asserted, Bug, Simulated
from tests.planted.catalogue import BUGS
from tests.planted.tree import ROOT, Misplanted, copy_into, hunt, patched, planted

QUICKEST = (
    "the fee is not counted",
    "events are told inside the transaction",
    "the latest news wins",
    "the outbox is marked before the broker has it",
    "a message has no id for the broker",
    "the amount in news is not compared",
)
BY_NAME = {bug.name: bug for bug in BUGS}


@pytest.fixture(name="tree", scope="module")
def copy_of_the_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_into(tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_still_applies_exactly_once_and_compiles(bug: Bug) -> None:
    for file, text in patched(bug).items():
        assert text != (ROOT / file).read_text("utf-8")


def test_there_are_many_bugs_and_each_says_what_it_costs() -> None:
    assert len(BUGS) >= 40
    assert len(BY_NAME) == len(BUGS)
    assert all(bug.costs.endswith(".") and bug.found.shows for bug in BUGS)


def test_every_test_that_is_to_find_one_exists() -> None:
    nodes = [node for bug in BUGS if isinstance(bug.found, Asserted) for node in bug.found.nodes]
    for node in nodes:
        file, _, name = node.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text("utf-8"), node


@pytest.mark.parametrize("name", QUICKEST)
def test_a_planted_bug_is_found(name: str, tree: Path) -> None:
    row = find(tree, BY_NAME[name])
    assert row.is_right, row


def test_nothing_is_found_where_nothing_is_planted(tree: Path) -> None:
    for name, order in command.controls([BY_NAME[name] for name in QUICKEST]):
        row = control(tree, name, order)
        assert row.is_right, row


def test_a_bug_is_taken_out_of_the_copy_again(tree: Path) -> None:
    bug = next(each for each in BUGS if len({edit.file for edit in each.edits}) > 1)
    with planted(tree, bug):
        assert {file: (tree / file).read_text("utf-8") for file in patched(bug)} == patched(bug)
    for edit in bug.edits:
        assert (tree / edit.file).read_text("utf-8") == (ROOT / edit.file).read_text("utf-8")


def test_a_change_that_does_not_fit_is_refused() -> None:
    bug = BUGS[0]
    for wrong in (
        replace(bug, old="no such text"),
        replace(bug, old="\n"),
        replace(bug, new="    this is no Python\n"),
        replace(bug, new=bug.old),
        replace(bug, also=bug.edits),
    ):
        with pytest.raises(Misplanted):
            patched(wrong)


def test_a_bug_that_only_breaks_the_code_is_not_found(tree: Path) -> None:
    bug = replace(BUGS[0], new="    import no_such_module\n")
    row = find(tree, bug)
    assert not row.is_right
    assert "no_such_module" in row.what


def test_another_failure_than_the_expected_one_does_not_count(tree: Path) -> None:
    fee = BY_NAME["the fee is not counted"]
    assert isinstance(fee.found, Simulated)
    row = find(tree, replace(fee, found=replace(fee.found, shows=frozenset({"no_bug"}))))
    assert not row.is_right
    assert "totals_add_up" in row.what


def test_a_hunt_that_takes_too_long_finds_nothing(tree: Path) -> None:
    report = hunt(tree, ("seeds", "1", "1000000"), 1.0)
    assert not report.catch.kind
    assert report.trouble == "nothing within 1 s"


def test_what_is_not_on_the_list_cannot_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "no such bug"])
    assert ended.value.code == 2
    assert "no bug is named so" in capsys.readouterr().err
