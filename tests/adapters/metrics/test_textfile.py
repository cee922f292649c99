"""The file of a verification: whole, readable by others, with every kind of flaw in it."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics.textfile import FILE, Verification
from domain.verification import FlawKind
from tests.strategies import NOW


def test_what_was_found_is_in_the_file_and_what_was_not_is_zero(tmp_path: Path) -> None:
    found = Verification()
    found.note({FlawKind.COUNTER: 2}, 1_000, NOW, timedelta(seconds=9), more=7)
    assert found.write(tmp_path) == tmp_path / FILE
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert {name for name, *_ in shown} == found.names
    assert shown["cashout_verify_flaws", "counter"] == 2
    assert shown["cashout_verify_flaws", "chain_head"] == 0
    assert shown["cashout_verify_cash_outs",] == 1_000
    assert shown["cashout_verify_timestamp_seconds",] == NOW.timestamp()
    assert sum(name == "cashout_verify_flaws" for name, *_ in shown) == len(FlawKind) + 1
    assert shown["cashout_verify_flaws", "other"] == 7


def test_the_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for count in (1, 2):
        found = Verification()
        found.note({}, count, NOW, timedelta(0))
        found.write(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    assert "cashout_verify_cash_outs 2.0" in (tmp_path / FILE).read_text(encoding="utf-8")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Verification().write(tmp_path / "nowhere")
