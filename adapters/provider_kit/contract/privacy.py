"""The trial of what leaves a gateway besides money: our log is read by people."""

import json

from adapters.provider_kit.contract.bench import NAME, NUMBER, Bench, order
from adapters.provider_kit.contract.partner import Reply, Seen

_JSON = {"Content-Type": "application/json"}


async def nothing_is_given_away(bench: Bench) -> list[str]:
    """Return a complaint for each secret, name or number in what it says for the log.

    The partner repeats whatever it was sent, as some do.
    """
    told: dict[str, str] = {}
    for status in (200, 400, 401, 403, 500):
        async with bench.facing(_Echo(status)) as (gateway, _):
            outcome = await gateway.disburse(order())
            said = await gateway.look_up(order())
            told[f"an outcome's detail ({status})"] = outcome.detail
            told[f"an outcome in words ({status})"] = repr(outcome)
            told[f"an answer in words ({status})"] = repr(said)
            told["the gateway in words"] = repr(gateway)
            told[f"a check's complaint ({status})"] = await gateway.check() or ""
    hidden = {**bench.secrets, "the payee's name": NAME, "the payee's number": NUMBER[1:]}
    # An answer may name the payee that it is about: that is compared, and never logged.
    of_the_payee = {"the payee's name", "the payee's number"}
    return [
        f"{where} shows {what}"
        for where, text in told.items()
        for what, value in hidden.items()
        if value in text and not (what in of_the_payee and "in words" in where)
    ]


class _Echo:
    """Answers with everything that it was sent, as an error's code and message."""

    def __init__(self, status: int) -> None:
        self._status = status

    def __call__(self, seen: Seen) -> Reply:
        """Return the request as an answer."""
        text = f"{seen.headers} {seen.body.decode('utf-8', 'replace')}"
        body = {"status": "error", "code": text[:300], "message": text, "error": {"code": text}}
        return Reply(self._status, json.dumps(body).encode(), _JSON)
