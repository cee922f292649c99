"""What AfriMoney needs to know: the environment names after `AFRIMONEY_`, and its options."""

from dataclasses import dataclass
from typing import Literal

from adapters.provider_kit.vocabulary import Options
from adapters.provider_kit.wiring import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The address without a final slash, and credentials. The key identifies, yet is hidden."""

    api_url: str = setting(url=True)
    api_key: str = setting(shown=False)
    api_secret: str = setting(secret=True)
    webhook_secret: str = setting(secret=True, required=False)


class AfriMoneyOptions(Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """webhook_key: which secret signs webhooks: the API's, unless a partner uses the other."""

    webhook_key: Literal["api_secret", "webhook_secret"] = "api_secret"

    def webhook_signing_key(self, settings: Settings) -> str:
        """Return the secret that webhooks are verified with."""
        by_webhook_secret = self.webhook_key == "webhook_secret"
        return settings.webhook_secret if by_webhook_secret else settings.api_secret
