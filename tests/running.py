"""The whole service in this process, over real sockets, for tests that look at it from outside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from adapters.web.auth import issue_token
from adapters.web.server import ApiServer
from entrypoints.api import open_api
from entrypoints.container import Service
from entrypoints.lifespan import at_work, open_service
from entrypoints.settings import Settings, read_settings

JWT_SECRET = "a-token-secret-for-tests-only-0123456789abcdef"

HASTY = {
    "PROVIDER_TIMEOUT_SECONDS": "0.6",
    "RETRY_BASE_SECONDS": "0.1",
    "STATUS_POLL_SECONDS": "0.1",
    "NOT_FOUND_GRACE_SECONDS": "1",
    "REVIEW_AFTER_SECONDS": "8",
    "WORK_POLL_SECONDS": "0.05",
    "SHUTDOWN_GRACE_SECONDS": "5",
    "RATE_LIMIT_PER_MINUTE": "0",
}
"""Patience for tests: everything that takes minutes in life takes tenths of seconds."""


def token_for(user_id: str, role: str = "user") -> str:
    """Return a token that the service under test accepts."""
    return issue_token(
        JWT_SECRET.encode(), user_id, role, timedelta(hours=1), now=datetime.now(UTC)
    )


@dataclass(frozen=True, slots=True)
class Running:
    """A service at work, its sandbox, and a client for its API."""

    settings: Settings
    service: Service
    sandbox: Sandbox
    url: str
    client: httpx.AsyncClient

    def signed_in(self, user_id: str, **headers: str) -> dict[str, str]:
        """Return the headers of a signed-in user."""
        return {"Authorization": f"Bearer {token_for(user_id)}", **headers}

    async def post(self, user_id: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """Ask for a cash-out."""
        return await self.client.post(
            "/api/payments/cash-out", json=body, headers=self.signed_in(user_id, **headers)
        )

    async def get(self, user_id: str, cash_out_id: str) -> dict[str, Any]:
        """Return one cash-out as its user sees it."""
        answer = await self.client.get(
            f"/api/payments/cash-out/{cash_out_id}", headers=self.signed_in(user_id)
        )
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def until_ended(self, user_id: str, cash_out_id: str) -> dict[str, Any]:
        """Return one cash-out once it has ended."""
        async with asyncio.timeout(20):
            while True:
                record = await self.get(user_id, cash_out_id)
                if record["status"] in {"completed", "failed", "cancelled"}:
                    return record
                await asyncio.sleep(0.05)


def settings_for(sandbox: Sandbox, data_dir: Path, **environ: str) -> Settings:
    """Return the settings of a service in a hurry that pays through this sandbox."""
    return read_settings(
        {
            "CASHOUT_DATA_DIR": str(data_dir),
            "JWT_SECRET": JWT_SECRET,
            "PORT": "0",
            **HASTY,
            **sandbox.environment(),
            **environ,
        }
    )


@asynccontextmanager
async def running(
    data_dir: Path, sandbox_settings: SandboxSettings | None = None, **environ: str
) -> AsyncIterator[Running]:
    """Run sandbox, database, API and worker; everything ends with the context."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(
            Sandbox(sandbox_settings or SandboxSettings(hang_s=3))
        )
        settings = settings_for(sandbox, data_dir, **environ)
        await migrate(settings.database_url)
        service = await stack.enter_async_context(open_service(settings))
        await stack.enter_async_context(at_work(service))
        app = await stack.enter_async_context(open_api(service))
        server = await stack.enter_async_context(ApiServer(app, settings.host, 0))
        sandbox.webhook_base_url = f"{server.url}/api/payments/webhook"
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False)
        )
        yield Running(settings, service, sandbox, server.url, client)
