"""Dashboard, alerts and runbook: every figure they name exists, every alert has its page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.console.parts import BASE as CONSOLE
from adapters.metrics.catalogue import Figures
from adapters.metrics.figures import Count, Level, Spread
from adapters.metrics.textfile import Verification
from domain.money import CURRENCIES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "observability"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
ALERTS = (DEPLOY / "alerts.yaml").read_text(encoding="utf-8")
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "dashboard.json").read_text(encoding="utf-8"))
EXPORTED = Figures().names | Verification().names
OF_THE_KERNEL = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
SEVERITIES = {"critical", "warning"}
PARTS = ("**What it means for money.**", "**Look first.**", "**Do.**", "**Never.**", "**Wake.**")


def alerts() -> dict[str, dict[str, str]]:
    """Return what each alert says, by its name: one line per key, as the file is written."""
    found: dict[str, dict[str, str]] = {}
    for block in ALERTS.split("      - alert: ")[1:]:
        name, *lines = block.splitlines()
        keys = (line.strip().partition(": ") for line in lines if not line.lstrip().startswith("#"))
        found[name] = {key: value.strip("'") for key, _, value in keys if value}
    return found


def panels() -> Iterator[dict[str, Any]]:
    yield from (each for each in DASHBOARD["panels"] if each["type"] != "row")


def expressions() -> dict[str, str]:
    """Return every expression there is, by where it is."""
    found = {name: told["expr"] for name, told in alerts().items()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            found[variable["name"]] = variable["query"]["query"]
    return found


def labels_of(series: str) -> set[str]:
    """Return the labels that a series has, those that Prometheus adds among them."""
    for figure in (*Figures(), *Verification()._levels()):
        if series in figure.names:
            bucket = {"le"} if isinstance(figure, Spread) else set()
            return {*figure.labels, *bucket, "instance", "job"}
    return {"instance", "job"}


@pytest.mark.parametrize("where", expressions())
def test_every_figure_that_is_asked_for_is_exported(where: str) -> None:
    asked = set(re.findall(r"\b(?:cashout|process)_\w+", expressions()[where]))
    assert asked <= EXPORTED | OF_THE_KERNEL
    assert asked or "up{" in expressions()[where]


@pytest.mark.parametrize("where", expressions())
def test_every_label_that_is_asked_for_is_one_of_the_figure(where: str) -> None:
    told = expressions()[where]
    for series, matchers in re.findall(r"\b(cashout_\w+)\{([^}]*)\}", told):
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels_of(series)
    grouped = {
        label.strip()
        for group in re.findall(r"\bby \(([^)]*)\)", told)
        for label in group.split(",")
    }
    known = set().union(*(labels_of(each) for each in re.findall(r"\bcashout_\w+", told)))
    assert grouped <= known | {"instance", "job"}
    assert told.count("(") == told.count(")")
    assert told.count("{") == told.count("}")


def test_every_figure_is_looked_at_by_somebody() -> None:
    told = " ".join(expressions().values())
    unseen = {
        figure.name
        for figure in (*Figures(), *Verification()._levels())
        if not any(re.search(rf"\b{name}\b", told) for name in figure.names)
    }
    # Of the whole, not of whom: `cashout_open_oldest_seconds` is there for who wants to ask.
    assert unseen <= {"cashout_open_oldest_seconds"}


@pytest.mark.parametrize("where", expressions())
def test_who_looks_at_the_console_is_told_apart_from_who_asks_the_api(where: str) -> None:
    """The overview asks every few seconds: so many requests would hide what the API answers."""
    told = expressions()[where]
    apart = (f'route!~"{CONSOLE}.*"', f'route=~"{CONSOLE}.*"')
    for matchers in re.findall(r"\bcashout_http_request\w*(?:\{([^}]*)\})?", told):
        by_route = where not in alerts() and re.search(r"\bby \([^)]*\broute\b", told)
        assert by_route or any(each in matchers for each in apart)


@pytest.mark.parametrize("name", alerts())
def test_every_alert_says_how_bad_it_is_since_when_and_where_to_read_on(name: str) -> None:
    told = alerts()[name]
    assert told["severity"] in SEVERITIES
    assert re.fullmatch(r"\d+[mh]", told["for"])
    assert told["summary"].endswith(".")
    assert re.fullmatch(r"docs/runbook\.md#[a-z-]+", told["runbook_url"])


def slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def pages() -> dict[str, str]:
    """Return the runbook's pages by their anchors."""
    parts = RUNBOOK.split("\n## ")[1:]
    return {slug(part.partition("\n")[0]): part for part in parts}


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    anchors = {told["runbook_url"].partition("#")[2]: name for name, told in alerts().items()}
    assert len(anchors) == len(alerts())
    assert anchors.keys() == pages().keys()
    for anchor, name in anchors.items():
        assert f"`{name}`, {alerts()[name]['severity']}." in pages()[anchor]


@pytest.mark.parametrize("anchor", pages())
def test_every_page_says_what_it_means_what_to_do_and_what_never(anchor: str) -> None:
    places = [pages()[anchor].find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)


def tried() -> dict[str, str]:
    """Return each trial by its title, which is an alert's name, and what else goes on meanwhile."""
    text = (DEPLOY / "alerts_test.yaml").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in text.split("  - name: ")[1:]]
    assert len({title for title, _, _ in parts}) == len(parts)
    return {title: rest for title, _, rest in parts}


def test_every_alert_is_tried() -> None:
    titles = tried().keys()
    assert titles >= alerts().keys()
    assert {title.partition(",")[0] for title in titles} == alerts().keys()


@pytest.mark.parametrize("title", tried())
def test_an_alert_is_tried_with_series_that_are_exported(title: str) -> None:
    """And is quiet first, and rings then: `promtool test rules` says whether it does."""
    name, trial = title.partition(",")[0], tried()[title]
    asked = set(re.findall(r"\b(?:cashout_\w+|up\b)", alerts()[name]["expr"]))
    fed = re.findall(r"series: '(\w+)(?:\{(.*)\})?'", trial)
    assert {series for series, _ in fed} <= asked
    for series, labels in fed:
        given = set(re.findall(r"(\w+)=\"", labels)) - {"instance", "job"}
        assert given == labels_of(series) - {"instance", "job"} - _left_out(series)
    expected = re.findall(r"exp_samples", trial)
    assert (trial.count("eval_time: "), len(expected)) == (2, 1)
    assert trial.count(f'alertname="{name}", alertstate="firing"') == 2


def _left_out(series: str) -> set[str]:
    """Return the labels that a figure has, and this series of it has not."""
    return set() if series.endswith("_bucket") else {"le"}


def test_every_currency_has_a_limit_of_exposure() -> None:
    limits = re.findall(r"currency: ([A-Z]{3})", ALERTS)
    assert set(limits) == set(CURRENCIES)
    assert len(limits) == len(set(limits))


def test_the_dashboard_can_be_provisioned_as_it_is() -> None:
    assert DASHBOARD["uid"] == "cashout"
    ids = [each["id"] for each in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["datasource"]["uid"] == "${DS_PROMETHEUS}"
        assert panel["targets"]


def test_each_figure_says_what_it_is() -> None:
    for figure in Figures():
        assert isinstance(figure, Count | Level | Spread)
        assert figure.what.endswith(".")
