"""Operators' accounts by command, and those that `cashout dev` makes for its console."""

import getpass
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from application.callers import Role
from application.operators import LONGEST_PASSWORD, AccountRefused, Operators
from entrypoints.cli.acting import name_here
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.service_here import service_here
from entrypoints.cli.terminal import Terminal

DEV_ROLES = (Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN)
"""What the accounts of a dev service are, and their names."""
_KEPT = "console-accounts.json"
_OWNER_ONLY = 0o600


async def add_operator(name: str, role: str) -> int:
    """Make an account; the password comes from the keyboard or standard input."""
    password = _asked_for(f"A password for {name}")
    async with _operators() as operators:
        await operators.add(name_here(), name, Role(role), password)
    Terminal().say(f"{name} may sign in to the console as {role}.")
    return Exit.DONE


async def list_operators(*, as_json: bool) -> int:
    """Print all accounts, without anything of their passwords."""
    terminal = Terminal()
    async with _operators() as operators:
        accounts = await operators.every()
    rows = [
        (
            each.name,
            each.role.value,
            "disabled" if each.disabled else "may sign in",
            each.created_at.isoformat(timespec="seconds"),
        )
        for each in accounts
    ]
    columns = ("name", "role", "state", "since")
    if as_json:
        terminal.json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        terminal.table(columns, rows)
    else:
        terminal.say("There are no accounts yet: `cashout operator add NAME --role approver`.")
    return Exit.DONE


async def disable_operator(name: str, *, disabled: bool) -> int:
    """Keep an operator out, or let them in again."""
    async with _operators() as operators:
        await operators.disable(name_here(), name, disabled=disabled)
    word = "may no longer sign in, and is signed out" if disabled else "may sign in again"
    Terminal().say(f"{name} {word}.")
    return Exit.DONE


async def change_password(name: str) -> int:
    """Give an operator another password."""
    password = _asked_for(f"A new password for {name}")
    async with _operators() as operators:
        await operators.set_password(name_here(), name, password)
    Terminal().say(f"{name} has another password, and is signed out.")
    return Exit.DONE


async def dev_accounts(operators: Operators, folder: Path) -> dict[str, str]:
    """Return name and password of each account of a dev service; they are made when missing.

    Passwords are made by chance and kept in the data directory, readable by its owner alone.
    Accounts of one's own are left as they are.
    """
    kept = _read_kept(folder / _KEPT)
    there = {each.name for each in await operators.every()}
    for role in DEV_ROLES:
        if role.value in there and role.value in kept:
            continue
        password = secrets.token_urlsafe(12)
        if role.value in there:
            await operators.set_password(name_here(), role.value, password)
        else:
            await operators.add(name_here(), role.value, role, password)
        kept[role.value] = password
        _keep(folder / _KEPT, kept)
    return {role.value: kept[role.value] for role in DEV_ROLES}


@asynccontextmanager
async def _operators() -> AsyncIterator[Operators]:
    async with service_here() as service:
        try:
            yield service.operators
        except AccountRefused as refused:
            raise Stopped(str(refused), code=Exit.REFUSED) from None


def _asked_for(prompt: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline(LONGEST_PASSWORD + 2).rstrip("\r\n")
    first = getpass.getpass(f"{prompt}: ")
    if getpass.getpass("Again: ") != first:
        raise Stopped("the two are not the same; nothing was changed", code=Exit.USAGE)
    return first


def _read_kept(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(word) for name, word in kept.items()} if isinstance(kept, dict) else {}


def _keep(file: Path, kept: dict[str, str]) -> None:
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.touch(mode=_OWNER_ONLY)
    draft.write_text(json.dumps(kept), encoding="utf-8")
    draft.replace(file)
