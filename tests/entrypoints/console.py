"""The installed `cashout` program, run as people and scripts run it."""

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sysconfig.get_path("scripts")) / "cashout"
COMMAND_S = 60
START_S = 60
STOP_S = 30


@dataclass(frozen=True, slots=True)
class Console:
    """A shell in a folder of its own, with no more environment than it was given."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return what a program started here sees: nothing of the test run but its coverage."""
        # Coverage is told to child processes by names of its own.
        measured = {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")}
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": str(self.folder), **measured, **self.settings, **settings}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [str(PROGRAM), *arguments],
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self.environment(**settings),
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_S,
        )

    def json(self, *arguments: str, given: Mapping[str, str] | None = None, expect: int = 0) -> Any:  # noqa: ANN401 -- JSON
        """Run a command with --json and return its document, which is one line."""
        done = self.run(*arguments, "--json", **(given or {}))
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        (line,) = done.stdout.splitlines()
        return json.loads(line)

    @contextlib.contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator["Program"]:
        """Run a command beside the body and stop it by SIGTERM at the end."""
        errors = self.folder / f"{arguments[0]}-{time.monotonic_ns()}.err"
        with errors.open("wb") as said:
            process = subprocess.Popen(
                [str(PROGRAM), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
                cwd=self.folder,
                env=self.environment(**settings),
            )
        program = Program(process, errors)
        try:
            yield program
        finally:
            program.stop()


@dataclass(frozen=True, slots=True)
class Program:
    """A running command."""

    process: subprocess.Popen[str]
    errors: Path

    def line(self) -> str:
        """Return the next line of its output, waiting for it; it is an error if it ends first."""
        out = self.process.stdout
        assert out is not None
        line = out.readline()
        assert line, f"it ended with {self.process.poll()}: {self.said()}"
        return line.rstrip("\n")

    def lines_until(self, last: str) -> list[str]:
        """Return its output up to a line that begins so."""
        lines = [self.line()]
        while not lines[-1].startswith(last):
            lines.append(self.line())
        return lines

    def said(self) -> str:
        """Return its commentary so far."""
        return self.errors.read_text(encoding="utf-8")

    def wait_until_said(self, text: str) -> str:
        """Return its commentary once it holds a text."""
        give_up_at = time.monotonic() + START_S
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up_at, self.said()
            time.sleep(0.05)
        return self.said()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, once, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
        return code


def loggings(text: str) -> Sequence[Mapping[str, Any]]:
    """Return the structured log lines of a program's commentary."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
