"""Tokens for the API, made where its secret is known."""

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.web.auth import ClaimRules, issue_token
from entrypoints.cli.exits import Stopped
from entrypoints.settings import SECRET_FILE, Settings

_OWNER_ONLY = 0o600
_USUAL = timedelta(hours=12)


def token_for(settings: Settings, user: str, role: str = "user", ttl: timedelta = _USUAL) -> str:
    """Return a token that the API with these settings accepts; raise Stopped where it cannot be."""
    tokens = settings.tokens
    if tokens.public_key or tokens.jwks_url:
        raise Stopped("this API believes tokens that somebody else signs; ask whoever has the key")
    if not tokens.secret:
        raise Stopped("there is no JWT_SECRET here: set the API's (`cashout dev` keeps one)")
    try:
        rules = ClaimRules(tokens.issuer or None, tokens.audience or None)
        secret, now = tokens.secret.encode(), datetime.now(UTC)
        return issue_token(secret, user, role, ttl, now=now, rules=rules)
    except ValueError as fault:
        raise Stopped(str(fault)) from None


def keep_secret(folder: Path) -> None:
    """Have a token secret in the data directory, made when there is none; its owner alone reads it.

    Raises OSError when the directory cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = folder / SECRET_FILE
    if kept.is_file():
        return
    draft = folder / f"{SECRET_FILE}.{os.getpid()}"
    draft.touch(mode=_OWNER_ONLY)
    draft.write_text(secrets.token_hex(32))
    draft.replace(kept)
