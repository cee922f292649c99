"""AfriMoney: disbursements to wallets, every request signed; its webhooks are doorbells."""

from adapters.provider_kit.wiring import Misconfigured, Wiring, declared
from adapters.providers.afrimoney.gateway import AfriMoneyGateway
from adapters.providers.afrimoney.settings import AfriMoneyOptions, Settings

SETTINGS = declared(Settings)


def build(wiring: Wiring) -> AfriMoneyGateway:
    """Return the gateway; nothing is opened before its first call. Raises Misconfigured."""
    settings = wiring.read_settings(Settings)
    options = wiring.read_options(AfriMoneyOptions)
    if options.webhook_key == "webhook_secret" and not settings.webhook_secret:
        name = wiring.name_of("WEBHOOK_SECRET")
        raise Misconfigured([f"{name} is not set, and webhook_key says to use it"])
    return AfriMoneyGateway(wiring, settings, options)
