"""Signals: SIGTERM and SIGINT ask a process to finish, once; the second one ends it."""

import asyncio
import signal


def stop_signal() -> asyncio.Event:
    """Return an event of the running loop that is set by the first SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def first(_number: int) -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            # Whoever asks twice does not want to wait for the work in flight: leases expire.
            loop.remove_signal_handler(each)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, first, each)
    return stop
