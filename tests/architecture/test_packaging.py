"""What is installed is what was pinned, and nothing installed stands in the way of our names."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.house import PACKAGES, ROOT, repository_files, text_of

RUNTIME = ROOT / "requirements.txt"
EVERYTHING = ROOT / "requirements-dev.txt"
ON_TOP = ROOT / "requirements-nightly.txt"

LOCK_FILES = {
    "Pipfile.lock",
    "package-lock.json",
    "pdm.lock",
    "poetry.lock",
    "pylock.toml",
    "uv.lock",
    "yarn.lock",
}
# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com")

PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>\S+?)(?: ;[^\\]*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def project() -> dict[str, list[str]]:
    """The declared dependencies: `runtime`, `dev` and `nightly`."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"runtime": table["dependencies"], **table["optional-dependencies"]}


def pins(path: Path) -> dict[str, str]:
    """Name to version; fails on any line that is neither a pin nor its hash."""
    found: dict[str, str] = {}
    hashes: dict[str, int] = {}
    name = ""
    for line in path.read_text().splitlines():
        if pin := PIN.match(line):
            name = pin["name"]
            found[name] = pin["version"]
            hashes[name] = 0
        else:
            assert HASH.match(line), f"{path.name}: {line!r}"
            hashes[name] += 1
    assert [name for name, count in hashes.items() if count == 0] == []
    return found


@pytest.mark.parametrize("path", [RUNTIME, EVERYTHING], ids=lambda path: str(path.name))
def test_every_requirement_is_one_version_with_its_hashes(path: Path) -> None:
    assert len(pins(path)) > len(project()["runtime"])


def test_the_long_runs_add_to_what_is_pinned_and_change_none_of_it() -> None:
    added = pins(ON_TOP)
    wanted = {canonicalize_name(Requirement(line).name) for line in project()["nightly"]}
    assert wanted <= set(added)
    assert set(added) & set(pins(EVERYTHING)) == set()


def test_the_development_pins_are_the_runtime_pins_and_more() -> None:
    runtime, everything = pins(RUNTIME), pins(EVERYTHING)
    assert runtime == {name: everything.get(name) for name in runtime}


@pytest.mark.parametrize(("kind", "path"), [("runtime", RUNTIME), ("dev", EVERYTHING)])
def test_every_declared_dependency_is_pinned_inside_its_range(kind: str, path: Path) -> None:
    pinned = pins(path)
    declared = [Requirement(line) for line in project()[kind]]
    outside = [
        str(one)
        for one in declared
        if (version := pinned.get(canonicalize_name(one.name))) is None
        or not one.specifier.contains(version)
    ]
    assert outside == []


def test_no_dependency_ships_a_module_of_our_names() -> None:
    """The four names exist on the public index: one of those packages would overwrite our files."""
    offenders = [
        f"{distribution.metadata['Name']} ships {file}"
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"] != "cashout"
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in PACKAGES
    ]
    assert offenders == []


def test_the_wheel_carries_exactly_the_four_packages_and_is_never_uploaded() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
    assert "Private :: Do Not Upload" in settings["project"]["classifiers"]


def test_no_file_names_a_package_registry() -> None:
    offenders = [
        f"{path.relative_to(ROOT)} names {host}"
        for path in repository_files()
        for host in REGISTRY_HOSTS
        if host in text_of(path)
    ]
    assert offenders == []


def test_no_lock_file_of_another_tool_is_kept() -> None:
    assert [path.name for path in repository_files() if path.name in LOCK_FILES] == []
