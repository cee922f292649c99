"""Note the configuration: a changed tariff, limit or policy is an entry in the operators' log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from application.ports import AuditEntry, Clock, Units

SUBJECT: Final = "configuration"
ACTION: Final = "configuration.changed"
SERVICE: Final = "service"
"""Who does what no person does."""


@dataclass(frozen=True, slots=True)
class NoteConfiguration:
    """Writes one entry for each configuration that is not the one of the newest such entry.

    digest: hex SHA-256 over all that the configuration says. tariffs: the version in force, by
    provider. four_eyes: whether a ruling needs two people.
    """

    units: Units
    clock: Clock
    digest: str
    four_eyes: bool = True
    tariffs: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self) -> bool:
        """Tell whether it was new; of processes that start at once, one notes it.

        Raises faults of the store.
        """
        async with self.units.begin() as unit:
            last = await unit.audit.last(SUBJECT)
            before = last.entry.facts.get("digest") if last else None
            if before == self.digest:
                return False
            facts = {"digest": self.digest, "previous": before, "fourEyes": self.four_eyes}
            in_force = {f"tariff.{each}": version for each, version in self.tariffs.items()}
            now = self.clock.now()
            await unit.audit.append(
                AuditEntry(now, SERVICE, ACTION, SUBJECT, {**facts, **in_force})
            )
        return True
