"""The real console over the adapters in memory, without a socket, and operators who use it."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx
from litestar import Litestar

from adapters.console.app import build_console
from adapters.console.parts import ConsoleParts, ConsoleSettings
from adapters.memory.audit import MemoryAuditReader
from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.manual_time import ManualClock, SeededChance
from adapters.memory.reader import MemoryReader
from adapters.memory.rulings import MemoryReviewReader
from adapters.memory.signals import Signals
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.passwords.scrypt import ScryptPasswords
from application.board import Board
from application.callers import Role
from application.cancel_cash_out import CancelCashOut
from application.explain import Explain
from application.operators import Operators, SignIn
from application.ports import Delivery, Lookup
from application.provider_health import ProviderHealth
from application.record_news import RecordNews
from application.refusal_log import RefusalLog
from application.review_desk import open_desk
from application.steer_providers import SteerProviders
from application.throttle import Throttle
from domain.cash_out import CashOut, Change, accept
from domain.corridors import Policy
from domain.evidence import Doorbell
from domain.states import Status
from entrypoints.configuration import SHIPPED, read_configuration
from tests.adapters.web.house import a_statement_desk
from tests.strategies import a_cash_out

START = datetime(2026, 11, 23, 10, 15, 30, tzinfo=UTC)
HOST = "https://console.test"
SETUP = "setup"
PASSWORD = "correct horse battery"
PEOPLE = {"vera": Role.VIEWER, "oscar": Role.OPERATOR, "ada": Role.APPROVER, "adam": Role.ADMIN}
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Browser:
    """Somebody's browser: cookies, and the Origin that it sends along."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for a page; keep the hidden field of its forms."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.get(path, headers=named)
        found = _TOKEN.search(answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, **changed: str | None
    ) -> httpx.Response:
        """Send a form as a page of the console does; `changed`: other headers, None for without."""
        headers = {"origin": HOST, "sec-fetch-site": "same-origin"}
        for name, value in changed.items():
            headers.pop(name.replace("_", "-"), None)
            if value is not None:
                headers[name.replace("_", "-")] = value
        data = {"csrf": self.csrf, **(form or {})}
        return await self.client.post(path, data=data, headers=headers)

    async def send(
        self, path: str, fields: Mapping[str, str], name: str, content: bytes
    ) -> httpx.Response:
        """Send a form with a file behind its fields, as a browser does."""
        headers = {"origin": HOST, "sec-fetch-site": "same-origin"}
        return await self.client.post(
            path,
            data={"csrf": self.csrf, **fields},
            files={"file": (name, content, "text/csv")},
            headers=headers,
        )

    async def sign_in(
        self, name: str, password: str = PASSWORD, onward: str = ""
    ) -> httpx.Response:
        """Sign in by the form."""
        await self.get("/console/sign-in")
        form = {"name": name, "password": password, "next": onward}
        answer = await self.post("/console/sign-in", form)
        if answer.status_code == 303:
            await self.get("/console/tariffs")
        return answer


@dataclass
class Office:
    """Everything that a test looks at or turns."""

    store: MemoryStore
    clock: ManualClock
    units: MemoryUnits
    parts: ConsoleParts
    operators: Operators
    app: Any
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self) -> Browser:
        """Return a new browser."""
        transport = httpx.ASGITransport(self.app, client=("198.51.100.7", 40_000))
        client = httpx.AsyncClient(transport=transport, base_url=HOST, follow_redirects=False)
        self.browsers.append(client)
        return Browser(client)

    async def signed_in(self, name: str) -> Browser:
        """Return the browser of somebody who has signed in."""
        browser = self.browser()
        answer = await browser.sign_in(name)
        assert answer.status_code == 303, answer.text
        return browser

    async def made(self, number: int = 1, **fields: Any) -> CashOut:  # noqa: ANN401 -- handed on
        """Store a new cash-out with its event."""
        at = self.clock.now()
        blank: dict[str, Any] = {"plan": None, "events": 0, "version": 1}
        ids = {"id": UUID(int=number), "reference": f"REF-{number:06d}"}
        times = {"created_at": at, "updated_at": at}
        change = accept(a_cash_out(**{**blank, **ids, **times, **fields}))
        async with self.units.begin() as unit:
            await unit.cash_outs.add([change], [])
            await unit.outbox.add(change.events)
        return change.after

    async def keep(self, change: Change) -> CashOut:
        """Store a change with what belongs to it."""
        async with self.units.begin() as unit:
            await unit.cash_outs.save([change])
            await unit.outbox.add(change.events)
        return change.after

    async def fold(self) -> None:
        """Add all events to the figures."""
        async with self.units.begin() as unit:
            await unit.figures.fold(1_000)

    async def received(self, number: int, reference: str, *, readable: bool = True) -> UUID:
        """Keep a webhook; return its id."""
        lookup = Lookup("orange_money", reference, f"OM-{number}")
        delivery = Delivery(
            id=UUID(int=number),
            provider="orange_money",
            digest=f"{number:064x}",
            received_at=self.clock.now(),
            raw=b"{}",
            finding=Doorbell(reference, "DONE", Status.COMPLETED) if readable else None,
            lookup=lookup if readable else None,
        )
        async with self.units.begin() as unit:
            await unit.inbox.store([delivery], self.clock.now())
        return delivery.id

    @property
    def logged(self) -> list[tuple[str, str, str]]:
        """The operators' log: who, what, to what."""
        entries = [each.entry for each in self.store.operators_log.values()]
        done = [(each.operator, each.action, each.subject) for each in entries]
        return [each for each in done if each[0] != SETUP]


@asynccontextmanager
async def office(settings: ConsoleSettings | None = None, **changes: Any) -> AsyncIterator[Office]:  # noqa: ANN401 -- parts
    """Open the console with an account for each role; a test may put other parts in."""
    store, clock = MemoryStore(), ManualClock(START)
    units, signals, chance = MemoryUnits(store), Signals(clock), SeededChance(1)
    reader, console = MemoryReader(store), MemoryConsoleReader(store)
    passwords = ScryptPasswords(log2_n=4)
    available = {"orange_money": True, "afrimoney": True}
    catalogue = read_configuration(SHIPPED).catalogue(production=False, available=available)
    policy, reviews = Policy(), MemoryReviewReader(store)
    news = RecordNews(units, catalogue, policy, clock, signals)
    board = Board()
    statements = a_statement_desk(units, news, catalogue, clock, chance)
    parts = ConsoleParts(
        sign_in=SignIn(units, console, passwords, clock, Throttle(clock), RefusalLog(units, clock)),
        console=console,
        reader=reader,
        log=MemoryAuditReader(store),
        explain=Explain(reader, reviews, catalogue, policy, clock),
        desk=open_desk(units, reader, reviews, clock, chance, news),
        cancel=CancelCashOut(units, clock, signals),
        statements=statements.read,
        receive=statements.receive,
        explain_break=statements.explain,
        health=ProviderHealth(board, units, catalogue, clock),
        steer=SteerProviders(units, catalogue, board, clock, signals),
        units=units,
        catalogue=catalogue,
        policy=policy,
        clock=clock,
        settings=settings or ConsoleSettings(),
    )
    parts = replace(parts, **changes)
    operators = Operators(units, passwords, clock)
    for name, role in PEOPLE.items():
        await operators.add(SETUP, name, role, PASSWORD)
    opened = Office(store, clock, units, parts, operators, build_console(parts))
    try:
        yield opened
    finally:
        for each in opened.browsers:
            await each.aclose()
        passwords.close()


def routes_of(app: Any) -> list[tuple[str, str]]:  # noqa: ANN401 -- an ASGI application
    """Return every method and path of the console, with the parts of paths filled in."""
    inner = cast("Litestar", app._inner)
    filled = {
        "{given:str}": str(UUID(int=1)),
        "{proposal:str}": str(UUID(int=2)),
        "{name:str}": "x",
    }
    found: list[tuple[str, str]] = []
    for route in inner.routes:
        path = route.path_format if hasattr(route, "path_format") else route.path
        for name, value in filled.items():
            path = path.replace(name, value).replace(name.replace(":str", ""), value)
        methods: set[str] = getattr(route, "methods", set())
        found += [(method, path) for method in sorted(methods) if method != "OPTIONS"]
    return found


__all__ = ["HOST", "PASSWORD", "PEOPLE", "START", "Browser", "Office", "office", "routes_of"]
