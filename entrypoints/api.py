"""The API process: Litestar over the use cases, with the background work beside it by default."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.provider_kit.client import Answer, JsonClient
from adapters.provider_kit.limits import CallLimits
from adapters.web.app import Api, build_app
from adapters.web.auth import ClaimRules, SecretTokens, TokenVerifier
from adapters.web.parts import WebParts, WebSettings
from adapters.web.server import ApiServer
from application.ports import StorageUnavailable
from application.ports.observing import Step
from entrypoints.container import Service
from entrypoints.lifespan import at_work, note_configuration, open_service, watching_health
from entrypoints.observing import Observers
from entrypoints.schema_gate import require_current_schema
from entrypoints.settings import SERVICE, Settings, SettingsRefused
from entrypoints.signals import stop_signal

if TYPE_CHECKING:
    from adapters.web.jwks import Fetch

_KEYS_WITHIN = timedelta(seconds=5)


@asynccontextmanager
async def open_api(service: Service) -> AsyncIterator[Api]:
    """Yield the HTTP application over an open service; raise SettingsRefused without a key."""
    async with AsyncExitStack() as opened:
        client = JsonClient(CallLimits.of(_KEYS_WITHIN))
        opened.push_async_callback(client.aclose)

        async def fetch(url: str) -> bytes:
            answer = await client.call("GET", url, {"Accept": "application/json"})
            if not isinstance(answer, Answer) or answer.status != 200:  # noqa: PLR2004 -- HTTP OK
                raise StorageUnavailable("the key set cannot be fetched")
            return answer.body

        app = build_app(_parts(service, _verifier(service, fetch)))
        if service.settings.console:
            # Templates are compiled by importing this: only those wait for it who have a console.
            from entrypoints.console import console_beside  # noqa: PLC0415

            await opened.enter_async_context(console_beside(app, service))
        yield app


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is in flight, inside the grace period.

    Raises SettingsRefused for an old schema or a missing key, OSError when the port is taken.
    """
    asked_to_stop = stop_signal()
    await require_current_schema(settings)
    async with AsyncExitStack() as opened:
        service = await opened.enter_async_context(open_service(settings, Observers(settings)))
        await note_configuration(service)
        app = await opened.enter_async_context(open_api(service))
        stop = asyncio.create_task(asked_to_stop.wait())
        waiting: set[asyncio.Task[Any]] = {stop}
        if settings.workers_in_api:
            waiting.add(await opened.enter_async_context(at_work(service)))
        else:
            await opened.enter_async_context(watching_health(service))
        grace_s = int(settings.shutdown_grace.total_seconds())
        server = ApiServer(app, settings.host, settings.port, grace_s=grace_s)
        await opened.enter_async_context(_listening(server))
        log = structlog.get_logger("cashout")
        log.info("serving", url=server.url, workers=settings.workers_in_api)
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        log.info("stopping", grace_s=grace_s)
        # All at once: the requests and the provider calls in flight share one grace period.
        service.await_answer.stop()
        service.follow.stop()
        service.worker.stop()


@asynccontextmanager
async def _listening(server: ApiServer) -> AsyncIterator[None]:
    """Serve; raise SettingsRefused where nobody can listen, OSError where somebody does."""
    async with AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(server)
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise
            line = f"HOST and PORT: there is no listening there: {fault.strerror}"
            raise SettingsRefused((line,)) from None
        yield


def _verifier(service: Service, fetch: "Fetch") -> TokenVerifier:
    tokens, clock = service.settings.tokens, service.clock
    rules = ClaimRules(issuer=tokens.issuer or None, audience=tokens.audience or None)
    try:
        if tokens.secret:
            return SecretTokens(tokens.secret.encode(), clock, rules)
        # PyJWT and cryptography are 10 MB in memory: only those pay who use them.
        if tokens.public_key:
            from adapters.web.public_keys import PublicKeyTokens  # noqa: PLC0415

            return PublicKeyTokens(tokens.public_key, tokens.algorithm, clock, rules)
    except ValueError as fault:
        raise SettingsRefused((f"JWT_PUBLIC_KEY or JWT_SECRET: {fault}",)) from None
    if tokens.jwks_url:
        from adapters.web.jwks import KeySetTokens  # noqa: PLC0415

        return KeySetTokens(tokens.jwks_url, fetch, clock, algorithm=tokens.algorithm, rules=rules)
    raise SettingsRefused(("JWT_SECRET is not set: try `openssl rand -hex 32`, or `cashout dev`",))


def _parts(service: Service, auth: TokenVerifier) -> WebParts:
    settings = service.settings
    return WebParts(
        request=service.tracing.around(Step.ACCEPT, service.request),
        watch=service.watch,
        get=service.get,
        await_answer=service.await_answer,
        follow=service.follow,
        explain=service.explain,
        history=service.history,
        quote=service.quote,
        limits=service.limits,
        cancel=service.cancel,
        providers=service.providers,
        health=service.provider_health,
        steer=service.steer,
        receive=service.receive,
        desk=service.desk,
        statements=service.statements,
        reader=service.reader,
        numbers=service.numbers,
        clock=service.clock,
        auth=auth,
        publisher=service.publisher if settings.nats_url else None,
        settings=WebSettings(
            production=settings.production,
            cors_origins=settings.cors_allowed_origins,
            service_name=SERVICE,
            rate_limit_per_minute=settings.rate_limit_per_minute,
            statement_most=settings.configuration.reconciliation.file_most,
        ),
    )
