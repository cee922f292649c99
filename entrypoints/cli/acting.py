"""Who acts by a command: whom a token names, or else who is logged in on this machine.

A name cannot simply be typed: with two names one person would be four eyes.
"""

import os

from adapters.web.auth import ClaimRules, InvalidToken, SecretTokens
from application.callers import Caller, Role
from domain.persons import AT_THE_MACHINE
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.container import Service


async def acting(service: Service, token: str) -> Caller:
    """Return on whose behalf a command acts; raise Stopped for a token that proves nothing.

    Whoever reaches the database is an approver here, under the name of their account.
    """
    if not token:
        return Caller(name_here(), Role.APPROVER)
    tokens = service.settings.tokens
    if not tokens.secret:
        raise Stopped("tokens can be checked here with JWT_SECRET alone: use the API instead")
    rules = ClaimRules(tokens.issuer or None, tokens.audience or None)
    try:
        return await SecretTokens(tokens.secret.encode(), service.clock, rules).verify(token)
    except InvalidToken:
        raise Stopped("the token is not valid here, or not any more", code=Exit.REFUSED) from None


def name_here() -> str:
    """Return by what the operators' log names whoever is at this machine."""
    return f"{AT_THE_MACHINE}{_account()}"


def _account() -> str:
    """Return the account by its number: the environment may say any name."""
    if os.name != "posix":
        return os.getlogin()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
