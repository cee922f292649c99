"""One server program as a child of the test run: started, killed, and gone with it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.02

# Ends the server when the test run itself is killed: the pipe to this shell closes with it.
_GUARD = 'read -r _; kill -TERM "$0" 2>/dev/null'


class ServerDidNotStart(Exception):
    """The program ended, or did not answer in time; the message carries the end of its log."""


@dataclass(slots=True)
class ServerProcess:
    """Runs `command`; `is_ready` is asked until it says yes. Output goes to `log`."""

    command: Sequence[str]
    log: Path
    is_ready: Callable[[int], bool]
    stop_signal: signal.Signals
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    _process: subprocess.Popen[bytes] | None = None
    _guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        if self._process is None:
            raise ServerDidNotStart(f"{self.command[0]} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return once the program answers; raise ServerDidNotStart if it ends or takes too long."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        process = self._spawn()
        while not self.is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > give_up_at:
                self.kill()
                raise ServerDidNotStart(self._last_words())
            time.sleep(POLL_S)

    def kill(self) -> None:
        """SIGKILL, as a crash would: nothing is flushed, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the program to end, and insist after STOP_TIMEOUT_S. Does nothing if it is down."""
        self._end(self.stop_signal)

    def send(self, number: signal.Signals) -> None:
        """Send a signal and return at once."""
        os.kill(self.pid, number)

    def exit_code(self, within_s: float = STOP_TIMEOUT_S) -> int:
        """Wait until the program has ended; negative: by that signal. Raises TimeoutExpired."""
        if self._process is None:
            raise ServerDidNotStart(f"{self.command[0]} is not running")
        code = self._process.wait(within_s)
        self._end(self.stop_signal)
        return code

    def spawn(self) -> None:
        """Start the program without waiting until it answers."""
        self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", os.defpath), **self.environment},
                cwd=self.log.parent,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                # Ctrl-C is for the test run, which then stops its servers in order.
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        return self._process

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        guard, self._guard = self._guard, None
        if guard is not None:
            # The guard goes first, so that it can never signal a process id used anew.
            guard.kill()
            guard.communicate()
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)

    def _last_words(self) -> str:
        return f"{self.command[0]} did not start:\n{self.log.read_text(errors='replace')[-4_000:]}"
