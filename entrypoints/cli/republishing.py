"""`events republish`: what a broker has lost is told again."""

from datetime import UTC, datetime

from entrypoints.cli.acting import name_here
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.service_here import service_here
from entrypoints.cli.terminal import Terminal


async def republish_events(since: str, until: str | None, *, as_json: bool) -> int:
    """Have events wait to be told again and print how many; raise Stopped for a wrong span."""
    begins = _moment(since)
    ends = _moment(until) if until else datetime.now(UTC)
    async with service_here() as service:
        try:
            waiting = await service.republish(begins, ends, by=name_here())
        except ValueError as fault:
            raise Stopped(str(fault), code=Exit.USAGE) from None
    terminal = Terminal()
    if as_json:
        terminal.json({"events": waiting})
    else:
        terminal.data(f"{waiting} events wait to be told again; a running worker tells them.")
    return Exit.DONE


def _moment(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Stopped("give a time like 2026-11-23T08:00:00Z", code=Exit.USAGE) from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
