"""What Orange Money needs to know: the environment names after `ORANGE_MONEY_`."""

from dataclasses import dataclass

from adapters.provider_kit.wiring import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Addresses without a final slash, and credentials."""

    api_url: str = setting(url=True)
    token_url: str = setting(url=True, default="https://api.orange.com/oauth/v3/token")
    client_id: str = setting()
    client_secret: str = setting(secret=True)
    webhook_secret: str = setting(secret=True)
