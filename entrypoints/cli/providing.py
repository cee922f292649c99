"""The commands for who adds a provider: what they take and what they teach."""

from typing import Annotated

from cyclopts import Parameter

from entrypoints.cli.options import AsJson

EXAMPLES = {
    "check": """\
Examples:
  cashout provider check orange_money
  cashout provider check ./lonestar
  cashout provider check afrimoney --url https://sandbox.partner.example

Nothing is paid: the rules are tried against a server of the kit's own, on this machine. Providers
that the sandbox speaks for also play each of its scenarios. Exit code 1: a rule is broken.
""",
}


async def check(
    provider: Annotated[
        str, Parameter(help="A provider's id in the configuration, or the folder of its module.")
    ],
    /,
    *,
    url: Annotated[
        str | None,
        Parameter(
            show_default=False,
            help="Also ask this server, with the credentials of this environment, whether it lets"
            " us in; in place of the sandbox.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Try a provider's gateway against the contract that every gateway keeps."""
    from entrypoints.cli.provider_checking import check_provider

    return await check_provider(provider, url=url, as_json=as_json)
