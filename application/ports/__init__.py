"""Every port of the service, a page for each subject.

Use cases depend on these and on the domain only.

All times are aware datetimes in UTC; all durations are timedeltas; all money is domain Money.
"""

from application.ports.audit import AuditEntry, AuditReader, LoggedEntry, OperatorsLog
from application.ports.faults import Conflict, Overloaded, StorageUnavailable
from application.ports.gateways import (
    Authentic,
    Gateway,
    Order,
    Unauthentic,
    Unreadable,
    WebhookReading,
)
from application.ports.reading import (
    HistoryFilter,
    HistoryPage,
    Place,
    Reader,
    StoredEvidence,
    StoreHealth,
)
from application.ports.storage import (
    CashOuts,
    Claimed,
    Delivery,
    Identity,
    Inbox,
    KeyUse,
    Known,
    Leases,
    Limits,
    Lookup,
    Outbox,
    OutboxEntry,
    Receipt,
    Unit,
    Units,
    UnreadableCashOuts,
)
from application.ports.surroundings import Chance, Clock, NumberingPlan
from application.ports.telling import (
    SILENCE,
    EventStream,
    Journal,
    Nudge,
    Publisher,
    Silence,
    Waiting,
    Work,
)

__all__ = [
    "SILENCE",
    "AuditEntry",
    "AuditReader",
    "Authentic",
    "CashOuts",
    "Chance",
    "Claimed",
    "Clock",
    "Conflict",
    "Delivery",
    "EventStream",
    "Gateway",
    "HistoryFilter",
    "HistoryPage",
    "Identity",
    Hearing,
    "Inbox",
    "Journal",
    "KeyUse",
    "Known",
    "Leases",
    "Limits",
    "LoggedEntry",
    "Lookup",
    "Nudge",
    "NumberingPlan",
    "OperatorsLog",
    "Order",
    "Outbox",
    "OutboxEntry",
    "Overloaded",
    "Place",
    "Publisher",
    "Reader",
    "Receipt",
    "Silence",
    "StorageUnavailable",
    "StoreHealth",
    "StoredEvidence",
    "Unauthentic",
    "Unit",
    "Units",
    "Unreadable",
    "UnreadableCashOuts",
    "Waiting",
    "WebhookReading",
    "Work",
]
    "Hearing",
