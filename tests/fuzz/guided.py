"""One target under the coverage-guided fuzzer, in a process of its own.

Started by `python -m tests.fuzz atheris`; it is the one place where the fuzzer is imported, and it
is imported by name: without it everything else of the tests runs.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGES = ("adapters", "application", "domain", "entrypoints", "tomllib", "email", "jwt")
"""Whose branches guide the search: ours, and the readers in Python that we rely on."""
STACK_DEPTH = 1_000
"""As Python has it by default: nesting without end must meet the same end as in production."""


def main(name: str, folder: Path, options: list[str]) -> None:
    """Fuzz a target until the time of `options` is over, or an input breaks it; never returns."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=list(PACKAGES)):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 -- inside, so that it is traced
    from tests.fuzz.hostile import PIECES  # noqa: PLC0415 -- after what is to be traced
    from tests.fuzz.target import LONGEST, repeat_line  # noqa: PLC0415

    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate([*target.good, *target.bad]):
        (corpus / str(number)).write_bytes(seed[:LONGEST])
    words = folder / "words"
    words.write_text("".join(f"{_quoted(piece)}\n" for piece in PIECES if len(piece) < 100))

    def one_input(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            sys.stdout.write(f"broken by\n{repeat_line(name, data)}\n")
            sys.stdout.flush()
            raise

    sys.setrecursionlimit(STACK_DEPTH)
    atheris.Setup(
        [sys.argv[0], *options, f"-dict={words}", f"-artifact_prefix={folder}/", str(corpus)],
        one_input,
    )
    atheris.Fuzz()


def _quoted(piece: bytes) -> str:
    return '"' + "".join(f"\\x{each:02x}" for each in piece) + '"'


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
