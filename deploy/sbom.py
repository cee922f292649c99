"""Writes a software bill of materials: CycloneDX 1.6 JSON of what requirements files pin.

    python deploy/sbom.py requirements.txt > cashout.cdx.json

Names, versions and hashes are those that are pinned; licences and who needs whom are read from what
is installed, so run it with the environment that was made from the same file. It needs nothing but
the standard library. With SOURCE_DATE_EPOCH set, equal input gives equal bytes.
"""  # noqa: INP001 -- a script, not a package

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
LONGEST_LICENCE = 64
"""Characters; a longer one is the text of a licence and not its name."""

_PIN = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]*?))? \\$"
)
_HASH = re.compile(r"^ +--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")
_NEEDS = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?:(?: (?:AND|OR|WITH) )[A-Za-z0-9.+-]+)*")


class NotPinned(Exception):
    """A line that is neither a pin nor its hash."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One requirement: a version, the digests of the files it may be, and where it is wanted."""

    name: str
    version: str
    marker: str = ""
    digests: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Its package URL, by which the bill refers to it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_pins(paths: Sequence[Path]) -> dict[str, Pin]:
    """Return what the files pin, by name; raise NotPinned for any other line."""
    found: dict[str, Pin] = {}
    for path in paths:
        pin: Pin | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if new := _PIN.match(line):
                pin = Pin(new["name"], new["version"], (new["marker"] or "").strip())
                found[pin.name] = pin
            elif (told := _HASH.match(line)) and pin is not None:
                pin.digests.append(told["digest"])
            else:
                raise NotPinned(f"{path.name}:{number} is neither a pin nor its hash")
    return found


def needed_by(lines: Sequence[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Return what requirement lines need, normalised, with the extras they ask for.

    A line that is for an extra counts when that extra is among `extras`; other markers always do,
    because the pins are for every platform.
    """
    for line in lines:
        wanted = _EXTRA.findall(line)
        found = _NEEDS.match(line)
        if found is None or (wanted and not extras.intersection(wanted)):
            continue
        asked = frozenset(each.strip() for each in (found["extras"] or "").split(",") if each)
        yield re.sub(r"[-_.]+", "-", found["name"]).lower(), asked


def graph(project: dict[str, Any], pins: dict[str, Pin]) -> dict[str, set[str]]:
    """Return who needs whom, by name; the project's own name is among them."""
    root = project["name"]
    edges: dict[str, set[str]] = {root: set(), **{name: set() for name in pins}}
    waiting: list[tuple[str, list[str], frozenset[str]]] = [
        (root, project["dependencies"], frozenset())
    ]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, lines, extras = waiting.pop()
        for needed, asked in needed_by(lines, extras):
            if needed not in pins:
                continue
            edges[name].add(needed)
            if (needed, asked) not in seen:
                seen.add((needed, asked))
                waiting.append((needed, _requirements(needed), asked))
    return edges


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []  # pinned for another platform


def _licences(name: str) -> list[dict[str, Any]]:
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    expression = next(iter(told.get_all("License-Expression") or ()), "")
    if _SPDX.fullmatch(expression):
        return [{"expression": expression}]
    named = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License :: ")
    ]
    text = next(iter(told.get_all("License") or ()), "").strip()
    if not named and 0 < len(text) <= LONGEST_LICENCE and "\n" not in text:
        named = [text]
    return [{"license": {"name": each}} for each in named]


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "scope": "required",
        "externalReferences": [
            {
                "type": "distribution",
                "url": pin.purl,
                "comment": "one file for each platform; the hash of each that may be installed",
                "hashes": [{"alg": "SHA-256", "content": each} for each in sorted(pin.digests)],
            }
        ],
    }
    licences = _licences(pin.name)
    if licences:
        component["licenses"] = licences
    if pin.marker:
        component["properties"] = [{"name": "cashout:marker", "value": pin.marker}]
    return component


def bill(project: dict[str, Any], pins: dict[str, Pin], now: datetime) -> dict[str, Any]:
    """Return the bill of the project with these pins."""
    root = f"pkg:generic/{project['name']}@{project['version']}"
    refs = {project["name"]: root, **{name: pin.purl for name, pin in pins.items()}}
    components = [_component(pins[name]) for name in sorted(pins)]
    serial = uuid5(NAMESPACE_URL, json.dumps([root, components], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"expression": project["license"]}],
            },
        },
        "components": components,
        "dependencies": [
            {"ref": refs[name], "dependsOn": sorted(refs[each] for each in needed)}
            for name, needed in sorted(graph(project, pins).items())
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """Write the bill of the files named to standard output; return the exit code."""
    if not arguments:
        sys.stderr.write("name the requirements files, like: deploy/sbom.py requirements.txt\n")
        return 2
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    try:
        pins = read_pins([Path(each) for each in arguments])
    except (OSError, NotPinned) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    sys.stdout.write(json.dumps(bill(project, pins, now), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
