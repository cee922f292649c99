"""The secrets that a process was told: what its logs never show, wherever it turns up."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from adapters.provider_kit.wiring import provider_module
from entrypoints.settings import Settings


def secrets_of(settings: Settings) -> frozenset[str]:
    """Return every secret in the settings, passwords inside addresses among them."""
    return frozenset(each for each in _all(settings) if each)


def _all(settings: Settings) -> Iterator[str]:
    yield settings.tokens.secret
    for address in (settings.database_url, *settings.nats_url.split(","), settings.tokens.jwks_url):
        password = urlsplit(address).password or ""
        # As it is written there, and as it is sent.
        yield password
        yield unquote(password)
    for provider_id, values in settings.providers.items():
        module = provider_module(settings.configuration.providers[provider_id].module)
        for each in module.SETTINGS:
            # Ids and keys that a partner gave out are not shown either; an address may be.
            if not each.url:
                yield values.get(each.suffix, "")
