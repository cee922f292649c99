"""The program: every command by its name, and how a command's end becomes an exit code.

Only the words of the commands are imported here; what they do is imported when they do it, so
that `cashout --help` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, Group, UnusedCliTokensError

from entrypoints.cli import (
    auditing,
    operating,
    paying,
    providing,
    reconciling,
    reviewing,
    running,
    simulating,
    steering,
)
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal

_HELP = """\
Pays mobile-money users out, through any provider, without ever paying twice.

Data goes to standard output, commentary to standard error. With --json a command prints JSON.
Settings are read from the environment; beside a running `cashout dev`, commands speak to it.
"""

_EPILOGUE = """\
First steps:
  cashout demo       watch three cash-outs go from request to completed
  cashout dev        run everything on this machine, with a token and a curl line to paste
  cashout COMMAND --help

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 still open when time was up.
"""

_EVENTS_HELP = "Follow what other services are told."

_TRY = Group("Try it", sort_key=1)
_PAY = Group("Cash-outs", sort_key=2)
_RUN = Group("Run it", sort_key=3)
_PROVE = Group("Prove it", sort_key=4)
_ABOUT = Group("About", sort_key=5)

_COMMANDS = {
    _TRY: (running.demo, running.dev),
    _PAY: (
        paying.request,
        paying.status,
        paying.history,
        auditing.explain,
        paying.cancel,
        paying.quote,
        paying.providers,
    ),
    _RUN: (
        running.serve,
        running.worker,
        running.migrate,
        running.token,
        running.doctor,
        running.openapi,
        running.completion,
    ),
    _PROVE: (auditing.verify, simulating.simulate),
}
_EXAMPLES = {**running.EXAMPLES, **paying.EXAMPLES, **auditing.EXAMPLES, **simulating.EXAMPLES}


def build() -> App:
    """Return the program with all its commands."""
    app = App(
        name="cashout",
        help=_HELP,
        help_epilogue=_EPILOGUE,
        help_format="plaintext",
        version=lambda: version("cashout"),
        group_commands=_ABOUT,
    )
    for group, commands in _COMMANDS.items():
        for place, command in enumerate(commands):
            epilogue = _EXAMPLES[command.__name__]
            app.command(command, group=group, sort_key=place, help_epilogue=epilogue)
    events = App(name="events", help=_EVENTS_HELP, group=_PAY, sort_key=len(_COMMANDS[_PAY]))
    events.command(paying.tail, help_epilogue=_EXAMPLES["tail"])
    events.command(running.republish, help_epilogue=_EXAMPLES["republish"])
    app.command(events)
    app.command(_sandbox())
    app.command(_operator())
    app.command(_reconcile())
    app.command(_review())
    app.command(_provider())
    return app


def _sandbox() -> App:
    made = App(name="sandbox", group=_RUN, sort_key=2)
    made.default(running.sandbox)
    made.help_epilogue = _EXAMPLES["sandbox"]
    made.command(running.statement, help_epilogue=_EXAMPLES["statement"])
    return made


def _provider() -> App:
    made = App(name="provider", help=steering.HELP, group=_RUN, sort_key=len(_COMMANDS[_RUN]) + 1)
    made.command(steering.health, help_epilogue=steering.EXAMPLES["health"])
    made.command(steering.close, help_epilogue=steering.EXAMPLES["close"])
    made.command(steering.open_, name="open", help_epilogue=steering.EXAMPLES["open"])
    made.command(providing.check, help_epilogue=providing.EXAMPLES["check"])
    return made


def _reconcile() -> App:
    made = App(
        name="reconcile", help=reconciling.HELP, group=_PAY, sort_key=len(_COMMANDS[_PAY]) + 1
    )
    made.default(reconciling.reconcile)
    made.help_epilogue = reconciling.EXAMPLES["reconcile"]
    made.command(reconciling.runs, help_epilogue=reconciling.EXAMPLES["runs"])
    made.command(reconciling.explain, help_epilogue=reconciling.EXAMPLES["explain"])
    return made


def _review() -> App:
    place = len(_COMMANDS[_PAY]) + 2
    made = App(name="review", help=reviewing.HELP, group=_PAY, sort_key=place)
    made.command(reviewing.list_, name="list", help_epilogue=reviewing.EXAMPLES["list"])
    for command in (
        reviewing.show,
        reviewing.propose,
        reviewing.approve,
        reviewing.reject,
        reviewing.withdraw,
        reviewing.orphans,
        reviewing.replay,
        reviewing.dismiss,
    ):
        made.command(command, help_epilogue=reviewing.EXAMPLES[command.__name__])
    return made


def _operator() -> App:
    made = App(name="operator", help=operating.HELP, group=_RUN, sort_key=len(_COMMANDS[_RUN]))
    made.command(operating.add, help_epilogue=operating.EXAMPLES["add"])
    made.command(operating.list_, name="list", help_epilogue=operating.EXAMPLES["list"])
    made.command(operating.disable, help_epilogue=operating.EXAMPLES["disable"])
    made.command(operating.password, help_epilogue=operating.EXAMPLES["password"])
    return made


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; faults are told in a line each."""
    terminal = Terminal()
    try:
        result = build()(
            list(arguments),
            console=terminal.help,
            error_console=terminal.err,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as fault:
        chain = " ".join(("cashout", *(fault.command_chain or ())))
        terminal.complain(_wrong_usage(fault))
        terminal.say(f"`{chain} --help` shows how it is used.")
        return Exit.USAGE
    except BrokenPipeError:
        # Whoever read our output has left: there is nobody to tell, now or at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Stopped as stopped:
        return _tell(terminal, stopped)
    except Exception as fault:
        # Imported now, because knowing every kind of fault means importing every layer.
        from entrypoints.cli.faults import explain

        meaning = explain(fault)
        if meaning is None:
            raise
        return _tell(terminal, meaning)
    return result if isinstance(result, int) else Exit.DONE


def _wrong_usage(fault: CycloptsError) -> str:
    """Return what was typed wrongly, in words that are no parser's."""
    if isinstance(fault, UnusedCliTokensError) and fault.unused_tokens:
        return f"it takes no more: {' '.join(fault.unused_tokens)}"
    return str(fault)


def _tell(terminal: Terminal, stopped: Stopped) -> int:
    for line in stopped.lines:
        terminal.complain(line)
    return stopped.code
