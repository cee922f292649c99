"""Where the console is and where it is not, and how it is wired."""

import re
import sys
from pathlib import Path

import httpx
import pytest

from adapters.sql.schema import migrate
from adapters.web.server import ApiServer
from entrypoints.api import open_api
from entrypoints.lifespan import open_service
from entrypoints.observing import Observers
from entrypoints.settings import Settings, SettingsRefused, read_settings
from tests.running import JWT_SECRET
from tests.servers import free_port

pytestmark = pytest.mark.anyio

PRODUCTION = {
    "APP_ENV": "production",
    "JWT_SECRET": JWT_SECRET,
    "ORANGE_MONEY_API_URL": "https://orange.example",
    "ORANGE_MONEY_CLIENT_ID": "a-client",
    "ORANGE_MONEY_CLIENT_SECRET": "a-long-client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "a-long-webhook-secret",
}


def settings_with(tmp_path: Path, **environ: str) -> Settings:
    return read_settings({"CASHOUT_DATA_DIR": str(tmp_path), "JWT_SECRET": JWT_SECRET, **environ})


async def answer_at(settings: Settings, path: str) -> httpx.Response:
    await migrate(settings.database_url)
    async with (
        open_service(settings) as service,
        open_api(service) as app,
        ApiServer(app) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False) as client,
    ):
        return await client.get(path)


async def test_it_is_there_in_development_and_the_api_beside_it(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    assert settings.console
    page = await answer_at(settings, "/console/sign-in")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (await answer_at(settings, "/consoles")).json()["error"]["code"] == "NOT_FOUND"
    assert (await answer_at(settings, "/health")).json()["status"] == "ok"


async def test_where_it_is_off_there_is_nothing_and_nothing_of_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("adapters.console")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "entrypoints.console", raising=False)
    answer = await answer_at(settings_with(tmp_path, CONSOLE="false"), "/console")
    assert answer.status_code in {401, 404}
    assert answer.headers["content-type"] == "application/json"
    assert "adapters.console.app" not in sys.modules


def test_production_has_none_unless_it_is_asked_for_and_then_over_tls_alone(
    tmp_path: Path,
) -> None:
    settings = settings_with(tmp_path, **PRODUCTION)
    assert not settings.console
    assert settings.console_is_secure
    assert settings_with(tmp_path, **PRODUCTION, CONSOLE="true").console


@pytest.mark.parametrize("wrong", ["console.example.com", "https://a.example/console", "ftp://a"])
def test_its_address_is_an_origin(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SettingsRefused, match="CONSOLE_URL"):
        settings_with(tmp_path, CONSOLE_URL=wrong)


def test_an_address_over_tls_makes_its_cookies_secure(tmp_path: Path) -> None:
    assert not settings_with(tmp_path).console_is_secure
    assert settings_with(tmp_path, CONSOLE_URL="https://console.example.com").console_is_secure


async def test_its_requests_are_counted_and_a_trusted_proxy_is_believed(tmp_path: Path) -> None:
    port = free_port()
    settings = settings_with(tmp_path, METRICS_PORT=str(port), TRUSTED_PROXIES="127.0.0.1")
    await migrate(settings.database_url)
    async with open_service(settings, Observers(settings)) as service:
        async with (
            open_api(service) as app,
            ApiServer(app) as server,
            httpx.AsyncClient(base_url=server.url, trust_env=False) as client,
        ):
            page = await client.get("/console/sign-in")
            (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page.text)
            answer = await client.post(
                "/console/sign-in",
                data={"csrf": csrf, "name": "ada", "password": "a wrong password"},
                headers={"origin": server.url, "x-forwarded-for": "192.0.2.1, 203.0.113.9"},
            )
            assert answer.status_code == 401
            figures = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        # Written beside the answer, at the latest when the process ends.
        (entry,) = [each.entry for each in await service.log.newest(1)]
    assert (entry.action, entry.facts["address"]) == ("session.refused", "203.0.113.9")
    assert 'method="POST",route="/console/sign-in",status="401"} 1.0' in figures
