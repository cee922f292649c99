"""The report: every row in every form, also when something crashed."""

import json
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.bench.__main__ import Run, Subject
from tests.bench.chart import as_svg
from tests.bench.measured import REFERENCE, Goal, Measured, Row
from tests.bench.report import BEGIN, END, as_json, as_markdown, as_text, into_document
from tests.bench.size import Size
from tests.bench.stand import Stand

ROWS = [
    Row(
        (
            Measured("POST <accepted>", "/s", 120, Goal(least=1), 100, "pgbench", {"api": 0.25}),
            Measured("POST <accepted>", "/s", 90, Goal(least=1), 100, "pgbench", {"api": 0.35}),
            Measured("POST <accepted>", "/s", 130, Goal(least=1), 100, "pgbench", {"api": 0.3}),
        )
    ),
    Row((Measured("p99", "ms", 50, Goal(most=25), more={"p50 ms": 4}),)),
    Row((Measured("durable writes", "/s", 678, REFERENCE),)),
]


def test_the_text_has_medians_spreads_ratios_goals_and_verdicts() -> None:
    lines = as_text(ROWS, {"relay": "TimeoutError: late"}).splitlines()
    line = "POST <accepted> (/s) 120.00 100.00 1.20 0.90..1.30 at least 1 met"
    assert " ".join(lines[1].split()) == line
    assert "limit: pgbench" in lines[2]
    assert "cpu ms of one: api 0.300" in lines[3]
    assert lines[4].endswith("at most 25 not met")
    assert "p50 ms 4.00" in lines[5]
    assert lines[-1] == "CRASHED relay: TimeoutError: late"


def test_the_json_has_every_round() -> None:
    told = json.loads(json.dumps(as_json(ROWS, {})))
    assert [row["verdict"] for row in told["rows"]] == ["met", "not met", ""]
    assert [each["ours"] for each in told["rows"][0]["rounds"]] == [120, 90, 130]


def test_the_table_of_the_document_has_a_line_for_each_row() -> None:
    lines = as_markdown(ROWS).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert all(line.count("|") == 7 for line in lines)
    assert "1.20 (0.90 to 1.30) | at least 1 | met |" in lines[2]


def test_the_table_takes_the_place_of_the_last_one_and_of_nothing_else() -> None:
    page = f"# Speed\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n"
    told = into_document(page, ROWS)
    assert told == f"# Speed\n\n{BEGIN}\n{as_markdown(ROWS)}{END}\n\nThe rest.\n"
    assert into_document(told, ROWS) == told
    with pytest.raises(ValueError, match="the page has no"):
        into_document("# Speed\n", ROWS)


def test_the_chart_is_drawn_for_light_and_dark_with_a_bar_for_each_goal() -> None:
    drawn = as_svg(ROWS)
    picture = ET.fromstring(drawn)  # noqa: S314 -- our own drawing
    bars = [each.get("class") for each in picture if each.tag.endswith("rect")]
    assert bars == ["met", "not"]
    assert "prefers-color-scheme: dark" in drawn
    widths = [float(each.get("width", 0)) for each in picture if each.tag.endswith("rect")]
    assert widths[0] / widths[1] == pytest.approx(1.2 / 0.5, rel=0.01)


def test_a_crash_of_one_subject_loses_no_other_row(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def sound(_stand: Stand, _size: Size) -> Iterator[Measured]:
        asked.append("sound")
        yield Measured("sound", "/s", len(asked), REFERENCE)

    def breaks(_stand: Stand, _size: Size) -> Iterator[Measured]:
        asked.append("breaks")
        yield Measured("before it broke", "/s", 1, REFERENCE)
        raise ZeroDivisionError

    subjects = {"breaks": Subject(breaks), "sound": Subject(sound), "once": Subject(sound, True)}
    run = Run(subjects)
    run.measure_all(list(subjects), Size(rounds=2))
    assert asked == ["breaks", "sound", "sound", "breaks", "sound"]
    assert [row.first.name for row in run.rows()] == ["before it broke", "sound"]
    assert [len(row.rounds) for row in run.rows()] == [2, 3]
    assert run.crashed == {"breaks": "ZeroDivisionError: "}
    assert "ZeroDivisionError" in capsys.readouterr().err
