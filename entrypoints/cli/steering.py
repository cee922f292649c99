"""The commands about how providers are: what they take and what they teach."""

from typing import Annotated

from cyclopts import Parameter

from entrypoints.cli.options import AsJson, ProviderId

HELP = "How providers are, closing and opening them by hand, and the contract of new ones."

EXAMPLES = {
    "health": """\
Examples:
  cashout provider health
  cashout provider health --json
""",
    "close": """\
Examples:
  cashout provider close orange_money --country GN --reason "maintenance until noon"
  cashout provider close orange_money --reason "statement does not agree"

Nothing is sent there any more. What is taken waits and can be cancelled; what is on the wire is
followed to its end. Nobody but a person opens it again.
""",
    "open": """\
Example:
  cashout provider open orange_money --country GN --reason "maintenance is over"

It opens just what is named; what has waited is let through step by step.
""",
}

Country = Annotated[str, Parameter(help="A country it pays in, by its ISO code, like GN.")]
InCurrency = Annotated[str, Parameter(help="One currency there, like GNF.")]
Why = Annotated[str, Parameter(help="Why; it is kept in the operators' log.")]


async def health(*, as_json: AsJson = False) -> int:
    """Show how every provider and corridor is, and since when."""
    from entrypoints.cli.provider_health import show_health

    return await show_health(as_json=as_json)


async def close(
    provider: ProviderId,
    /,
    *,
    reason: Why,
    country: Country = "",
    currency: InCurrency = "",
) -> int:
    """Have nothing sent to a provider, to a country of it, or in one currency there."""
    from entrypoints.cli.provider_health import steer

    return await steer(provider, country, currency, reason, close=True)


async def open_(
    provider: ProviderId,
    /,
    *,
    reason: Why,
    country: Country = "",
    currency: InCurrency = "",
) -> int:
    """Have cash-outs sent there again."""
    from entrypoints.cli.provider_health import steer

    return await steer(provider, country, currency, reason, close=False)
