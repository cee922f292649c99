"""The commands for operators' accounts: what they take and what they teach."""

from typing import Annotated, Literal

from cyclopts import Parameter

from entrypoints.cli.options import AsJson

EXAMPLES = {
    "add": """\
Examples:
  cashout operator add ada --role approver
  printf %s "$PASSWORD" | cashout operator add ada --role operator

The password comes from the keyboard or from standard input, never from the command line.
""",
    "list": """\
Example:
  cashout operator list
""",
    "disable": """\
Example:
  cashout operator disable ada

Whoever is signed in under the name is signed out at once. --enable takes it back.
""",
    "password": """\
Example:
  cashout operator password ada

Whoever is signed in under the name is signed out at once.
""",
}

HELP = "Accounts of the people who use the console."

Name = Annotated[str, Parameter(help="The operator's name: lower-case letters, digits, . _ -")]
RoleName = Annotated[
    Literal["viewer", "operator", "approver", "admin"],
    Parameter(help="A viewer sees, an operator proposes, an approver approves, an admin does all."),
]


async def add(name: Name, /, *, role: RoleName) -> int:
    """Make an account."""
    from entrypoints.cli.accounts import add_operator

    return await add_operator(name, role)


async def list_(*, as_json: AsJson = False) -> int:
    """List all accounts."""
    from entrypoints.cli.accounts import list_operators

    return await list_operators(as_json=as_json)


async def disable(
    name: Name,
    /,
    *,
    enable: Annotated[bool, Parameter(negative=(), help="Let them in again.")] = False,
) -> int:
    """Keep an operator out from now on."""
    from entrypoints.cli.accounts import disable_operator

    return await disable_operator(name, disabled=not enable)


async def password(name: Name, /) -> int:
    """Give an operator another password."""
    from entrypoints.cli.accounts import change_password

    return await change_password(name)
