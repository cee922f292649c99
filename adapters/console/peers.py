"""Whose request it is, by address: the peer of the connection, or whom a trusted proxy names."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

FORWARDED: Final = b"x-forwarded-for"
MOST_HOPS: Final = 8
"""Trusted proxies in a row, as many as are looked past."""
_LONGEST: Final = 64
"""Characters of one entry."""


def address_of(
    peer: str, headers: Iterable[tuple[bytes, bytes]], trusted: Sequence[Network]
) -> str:
    """Return the address of whoever asks; empty where the connection has none.

    Each proxy writes behind what it was given: only the end of X-Forwarded-For is written by one
    of ours. It is read from there, as long as those who wrote are trusted, and the first who is
    not is who asks. What is further to the left anybody can have made up, and what cannot be read
    is the end of it: then the last trusted one is who asks.
    """
    known = _read(peer)
    if known is None or not _is_in(known, trusted):
        return peer if known is None else str(known)
    for entry in _from_the_right(headers):
        named = _read(entry)
        if named is None:
            break
        known = named
        if not _is_in(named, trusted):
            break
    return str(known)


def _from_the_right(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    # Several headers of the name are one list, in their order.
    lines = [value for name, value in headers if name.lower() == FORWARDED]
    entries = b",".join(lines).rsplit(b",", MOST_HOPS)[-MOST_HOPS:] if lines else []
    return [entry.decode("latin-1").strip(" \t") for entry in reversed(entries)]


def _read(text: str) -> _Address | None:
    """Return the address that a text is, without port and zone; None where it is none."""
    if len(text) > _LONGEST:
        return None
    bare = _without_port(text).partition("%")[0]
    try:
        found = ip_address(bare)
    except ValueError:
        return None
    # One machine is one address, however the connection to it is made.
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.partition(":")
    return host if colon and port.isascii() and port.isdigit() and "." in host else text


def _is_in(address: _Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
