"""The user behind the buttons of the sandbox's page: pays by the API, as anybody does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.sandbox.trying import Order, Tried
from entrypoints.cli.calls import Answer, Client

_CASH_OUTS = "/api/payments/cash-out"
_CONSOLE = "/console"
_NAME = "Awa Koné"
_WALLET = "sandbox-page"


@dataclass(frozen=True, slots=True)
class ApiPayer:
    """Implements the sandbox's `Payer` over the API.

    token: makes one for the user, anew for each call. has_console: there is one to link to.
    """

    url: str
    token: Callable[[], str]
    has_console: bool = False

    def links(self, cash_out_id: str) -> Mapping[str, str]:
        """Return where to look: what the API shows, and the operators' console."""
        found = {"API": f"/_sandbox/cash-outs/{cash_out_id}"}
        if self.has_console:
            found["Console"] = f"{self.url}{_CONSOLE}/cash-outs/{cash_out_id}"
        return found

    @property
    def _client(self) -> Client:
        return Client(self.url, self.token())

    async def pay(self, order: Order) -> Tried:
        """Ask for a cash-out; raise OSError when the API does not answer."""
        body = {
            "walletId": _WALLET,
            "amount": order.amount,
            "currency": order.currency,
            "provider": order.provider,
            "providerAccountId": order.msisdn,
            "providerAccountName": _NAME,
        }
        return _tried(await self._client.call("POST", _CASH_OUTS, body))

    async def look(self, cash_out_id: str) -> Tried:
        """Return how a cash-out stands; raise OSError when the API does not answer."""
        return _tried(await self._client.call("GET", f"{_CASH_OUTS}/{cash_out_id}"))


async def payer_at(url: str, token: Callable[[], str]) -> ApiPayer:
    """Return a payer at an API; raise OSError when it does not answer."""
    console = await Client(url, token()).call("GET", _CONSOLE)
    return ApiPayer(url, token, has_console=console.status != 404)  # noqa: PLR2004 -- not found


def _tried(answer: Answer) -> Tried:
    if "error" in answer.document:
        error = answer.document["error"]
        return Tried({}, f"{error['message']} ({error['code']})")
    return Tried(answer.data)
