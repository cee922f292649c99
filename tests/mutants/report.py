"""Judge a run of `make mutants`: the share killed, and the survivors nobody has given a reason for.

    python tests/mutants/report.py [LIST]

Reads what mutmut left in mutants/. A survivor is named by its function and its change, not by its
number: numbers move with every edit. Ends with 1 when fewer than SHARE of the mutants of a package
were killed, or when a survivor is missing from LIST (docs/mutants.md).
"""

import difflib
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

SHARE = 0.95
MUTANTS = Path("mutants")
LIST = Path("docs/mutants.md")

# mutmut keeps the exit code of pytest, of a signal, or one of its own.
_KILLED = {1, 3}
_TIMED_OUT = {-24, 24, 36, 152, 255}
_ROW = re.compile(r"\| `([^`]+)` \| `([^`]+)` \| .*\w.* \|")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change, the file it was made in, and the exit code of the tests that ran over it.

    `name` is mutmut's: `domain.limits.x_reserve__mutmut_3`, `domain.cash_out.xǁDraftǁmove__...`.
    """

    name: str
    source: Path
    code: int

    @property
    def verdict(self) -> str:
        """`killed`, `timed out` (killed too: something noticed) or `survived`."""
        if self.code in _KILLED:
            return "killed"
        return "timed out" if self.code in _TIMED_OUT else "survived"

    @property
    def function(self) -> str:
        """Its function, as written: `domain.cash_out.Draft.move`."""
        module, _, mangled = self.name.rpartition("__mutmut_")[0].rpartition(".")
        plain = mangled[2:].replace("ǁ", ".")
        return f"{module}.{plain}"

    @property
    def change(self) -> str:
        """The lines that differ on one line, old before new, without their indentation."""
        mangled = self.name.rpartition(".")[2]
        spans = json.loads(Path(f"{self.source}.spans").read_text("utf-8"))["spans"]
        lines = self.source.read_text("utf-8").splitlines()
        original = mangled.rpartition("__mutmut_")[0] + "__mutmut_orig"
        own = self.function.rpartition(".")[2]
        before, after = (
            [line.strip().replace(name, own) for line in lines[first - 1 : last]]
            for name, (first, last) in ((each, spans[each]) for each in (original, mangled))
        )
        diff = list(difflib.ndiff(before, after))
        old, new = (
            " ".join(line[2:] for line in diff if line.startswith(sign)) for sign in ("- ", "+ ")
        )
        return f"{old} → {new}".replace("`", "'").replace("|", "\\|")


def tried(root: Path) -> list[Mutant]:
    """Return every mutant that has a verdict."""
    found = []
    for meta in sorted(root.glob("*/**/*.py.meta")):
        codes = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        source = meta.with_suffix("")
        found += [Mutant(name, source, code) for name, code in codes.items() if code is not None]
    return found


def figures(mutants: list[Mutant], root: Path) -> tuple[list[str], list[str]]:
    """Return a table by file and package, and the packages of which too few were killed."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for mutant in mutants:
        path = mutant.source.relative_to(root)
        for name in (str(path), f"**{path.parts[0]}**"):
            counts[name][mutant.verdict] += 1
    lines = [
        "| file | mutants | killed | timed out | survived | share |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    short = []
    for name, row in sorted(counts.items(), key=lambda each: (each[0].startswith("**"), each[0])):
        total = sum(row.values())
        share = 1 - row["survived"] / total
        lines.append(
            f"| {name} | {total} | {row['killed']} | {row['timed out']} | {row['survived']} "
            f"| {share:.1%} |"
        )
        if name.startswith("**") and share < SHARE:
            short.append(name.strip("*"))
    return lines, short


def reasons(text: str) -> set[tuple[str, str]]:
    """Return the function and the change of each row of the list that gives a reason."""
    return {(row[1], row[2]) for row in map(_ROW.fullmatch, text.splitlines()) if row}


def main(listed: Path = LIST) -> int:
    """Print the figures, the survivors without a reason, and the reasons without a survivor."""
    mutants = tried(MUTANTS)
    lines, short = figures(mutants, MUTANTS)
    known = reasons(listed.read_text("utf-8"))
    survivors = {(m.function, m.change): m.name for m in mutants if m.verdict == "survived"}
    new = sorted(set(survivors) - known)
    looked_at = {m.function for m in mutants}
    gone = sorted(row for row in known - set(survivors) if row[0] in looked_at)
    lines += ["", f"{len(new)} survivors without a reason in {listed}:"]
    lines += [f"| `{row[0]}` | `{row[1]}` |  | ({survivors[row]})" for row in new]
    lines += ["", f"{len(gone)} reasons in {listed} whose mutant is dead now or gone:"]
    lines += [f"| `{function}` | `{change}` |" for function, change in gone]
    lines += [f"less than {SHARE:.0%} of the mutants of {package} killed" for package in short]
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if short or new or not mutants else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
