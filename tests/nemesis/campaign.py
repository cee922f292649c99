"""One campaign: cluster, load and nemesis together, then rest, then judgement and a report."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from tests.nemesis.aftermath import Findings, find, judge, rest, stop
from tests.nemesis.cluster import Cluster, cluster
from tests.nemesis.load import Load
from tests.nemesis.nemesis import Nemesis
from tests.nemesis.plan import KINDS

ANSWERED_WITHIN_S = 60.0
"""After the faults, for the last orders to be answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a campaign. violations: empty when all held."""

    seed: int
    seconds: float
    violations: list[str]
    report: str

    @property
    def command(self) -> str:
        """Return what repeats the plan; the timing of the processes is their own."""
        return f"python -m tests.nemesis --minutes {self.seconds / 60:g} --seed {self.seed}"


async def run(seed: int, seconds: float) -> Outcome:
    """Run a campaign with that long of faults."""
    async with cluster(seed) as running:
        load = Load(running.url, seed)
        nemesis = Nemesis(running, seed, seconds)
        asking = asyncio.create_task(load.run())
        violations = []
        try:
            await nemesis.rage()
            load.over.set()
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                await asking
        except TimeoutError:
            violations.append(
                f"orders without an answer {ANSWERED_WITHIN_S:.0f} s after the faults"
            )
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        rested_s, restless = await rest(running)
        violations += [*load.wrong, *restless, *await stop(running)]
        found = await find(running)
    violations += judge(load.asked, found)
    violations += [f"never happened: {kind}" for kind in KINDS if not nemesis.done[kind]]
    lines = _report(seed, nemesis, load, running, found, rested_s)
    return Outcome(seed, seconds, violations, "\n".join(lines))


def _report(
    seed: int, nemesis: Nemesis, load: Load, running: Cluster, found: Findings, rested_s: float
) -> Iterator[str]:
    answered = sum(bool(each.ids) for each in load.asked)
    yield f"seed {seed}: {nemesis.done.total()} faults, {len(load.asked)} orders asked for"
    yield f"  {answered} acknowledged, {sum(each.refused for each in load.asked)} beyond a limit"
    told = f"{len(found.events)} messages of {len(found.outbox)} events"
    yield f"  {len(found.ledger)} payouts, {told}"
    yield f"  at rest {rested_s:.0f} s after the last answer"
    yield "faults by kind:"
    yield from (f"  {nemesis.done[kind]:4}  {kind}" for kind in KINDS)
    yield "connections hit by link:"
    yield from (f"  {link.hits:4}  {name}" for name, link in running.links.items())
    yield "starts of processes (failed starts, ends by itself):"
    for name, each in running.members.items():
        yield f"  {each.starts:4}  {name} ({each.refused_starts}, {each.exits})"
    yield f"orderly stops that became kills: {nemesis.insisted}"
    yield "answers:"
    yield from (f"  {count:5}  {what}" for what, count in sorted(load.counts.items()))
    yield "cash-outs:"
    yield from (f"  {count:5}  {what}" for what, count in sorted(found.tally.items()))
