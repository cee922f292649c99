"""Orange Money: cash-outs to wallets, by a partner profile of its payout interface.

Only the token call is Orange's public one; status words, codes and capabilities are configuration.
"""

from adapters.provider_kit.vocabulary import Options
from adapters.provider_kit.wiring import Wiring, declared
from adapters.providers.orange_money.gateway import OrangeMoneyGateway
from adapters.providers.orange_money.settings import Settings

SETTINGS = declared(Settings)


def build(wiring: Wiring) -> OrangeMoneyGateway:
    """Return the gateway; nothing is opened before its first call. Raises Misconfigured."""
    return OrangeMoneyGateway(wiring, wiring.read_settings(Settings), wiring.read_options(Options))
