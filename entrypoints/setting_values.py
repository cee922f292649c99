"""How the values of settings are read: each reader returns a value or says what is wrong.

What is said never repeats the value: it may be a secret.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

MOST_SECONDS = 31_536_000
MOST_DAYS = 3_650
MOST_NETWORKS = 64
SHORTEST_JWT_SECRET = 32
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
"""All of IPv4, as a socket for both names it."""
_MOST_DIGITS = 18
_SQLITE = "sqlite+aiosqlite:///"
_POSTGRES = "postgresql+asyncpg://"
_TLS = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}


class Wrong(Exception):
    """What is wrong with a value, without the value."""


def unicode_text(value: str) -> str:
    """Return any text as it is, as long as it was UTF-8 in the environment."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong("must be text in UTF-8") from None
    return value


def any_text(value: str) -> str:
    """Return any text as it is."""
    return value


def seconds(value: str) -> timedelta:
    """Read a number of seconds, with decimals or without."""
    try:
        read = Decimal(value)
    except InvalidOperation:
        raise Wrong("must be a number of seconds") from None
    if not read.is_finite() or not 0 <= read <= MOST_SECONDS:
        raise Wrong(f"must be a number of seconds from 0 to {MOST_SECONDS}")
    return timedelta(microseconds=int(read * 1_000_000))


def some_seconds(value: str) -> timedelta:
    """Read a number of seconds that is more than none."""
    read = seconds(value)
    if not read:
        raise Wrong("must be more than 0 seconds")
    return read


def days(value: str) -> timedelta:
    """Read a whole number of days, one at least."""
    return timedelta(days=whole(1, MOST_DAYS)(value))


def ninety_days(value: str) -> timedelta:
    """Read a whole number of days, ninety at least."""
    return timedelta(days=whole(90, MOST_DAYS)(value))


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers in a range."""

    def read(value: str) -> int:
        digits = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
        if not (digits and lowest <= int(value) <= highest):
            raise Wrong(f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader of these words."""

    def read(value: str) -> str:
        if value not in choices:
            raise Wrong(f"must be one of: {', '.join(choices)}")
        return value

    return read


def flag(value: str) -> bool:
    """Read a yes or no."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if value.casefold() not in words:
        raise Wrong("must be true or false")
    return words[value.casefold()]


def folder(value: str) -> Path:
    """Read a folder's path. SQLite's addresses have options behind a question mark."""
    if "?" in value:
        raise Wrong("must be a path without a question mark")
    return Path(value)


def database(value: str) -> str:
    """Read the address of a database, with the options that the driver knows."""
    if value.startswith(_SQLITE):
        path = value.removeprefix(_SQLITE)
        if not path or path == ":memory:" or "?" in path:
            raise Wrong(f"must name a file, like {_SQLITE}path/to/file.db, without options")
        return value
    parts = _parts(value) if value.startswith(_POSTGRES) else None
    if parts is None:
        raise Wrong(
            f"must be {_SQLITE}path/to/file.db or {_POSTGRES}user:password@host:5432/name,"
            " with special characters of the password percent-encoded"
        )
    options = parse_qs(parts.query, keep_blank_values=True)
    if set(options) - {"ssl", "host"} or set(options.get("ssl", [])) - _TLS:
        # The driver's own names: libpq's sslmode is none of them.
        raise Wrong(f"has an option that is not known here; TLS is ?ssl= and {_or(sorted(_TLS))}")
    if not (parts.hostname or "host" in options) or not parts.path.strip("/"):
        raise Wrong(f"must name a host and a database, like {_POSTGRES}user:password@host/name")
    return value


def _parts(address: str) -> SplitResult | None:
    """Return the parts of a URL, None when it is none: a bracket or a port that cannot be."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    return parts if port != 0 else None


def _or(choices: Sequence[str]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def url(*schemes: str) -> Callable[[str], str]:
    """Return a reader of addresses that begin in one of these ways."""

    def read(value: str) -> str:
        parts = _parts(value)
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise Wrong(f"must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value

    return read


def servers(value: str) -> str:
    """Read one address of a broker, or several separated by commas."""
    each_is_sound = url("nats", "tls")
    for server in value.split(","):
        each_is_sound(server.strip())
    return value


def origins(value: str) -> tuple[str, ...]:
    """Read origins of web pages, separated by commas."""
    found = tuple(each.strip() for each in value.split(",") if each.strip())
    for origin in found:
        parts = _parts(origin)
        if parts is None or origin not in {f"http://{parts.netloc}", f"https://{parts.netloc}"}:
            raise Wrong("must be origins like https://app.example.com, separated by commas")
    return found


def networks(value: str) -> tuple[Network, ...]:
    """Read networks of IPv4 and IPv6, or single addresses, separated by commas."""
    named = [each.strip() for each in value.split(",") if each.strip()]
    if len(named) > MOST_NETWORKS:
        raise Wrong(f"must be {MOST_NETWORKS} networks at most")
    try:
        found = tuple(_unmapped(ipaddress.ip_network(each)) for each in named)
    except ValueError:
        raise Wrong("must be networks like 10.0.0.0/8 or addresses, separated by commas") from None
    if _everybody(found):
        raise Wrong("must name proxies of yours, and not everybody")
    return found


def _unmapped(network: Network) -> Network:
    """Return the network of IPv4 that is meant by one of IPv6: who asks is known by the former."""
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        narrow = network.prefixlen - _MAPPED.prefixlen
        return ipaddress.IPv4Network((network.network_address.packed[-4:], narrow))
    return network


def _everybody(found: Iterable[Network]) -> bool:
    """Tell whether networks, put together, are all of IPv4; whoever is all of IPv6 is that too."""
    of_4 = [each for each in found if isinstance(each, ipaddress.IPv4Network)]
    of_6 = [each for each in found if isinstance(each, ipaddress.IPv6Network)]
    return any(each.prefixlen == 0 for each in ipaddress.collapse_addresses(of_4)) or any(
        _MAPPED.subnet_of(each) for each in ipaddress.collapse_addresses(of_6)
    )


def origin(value: str) -> str:
    """Read the one origin of our own pages."""
    found = origins(value)
    if len(found) != 1:
        raise Wrong("must be one origin like https://console.example.com")
    return found[0]


def long_enough(secret: str) -> str:
    """Read a secret that tokens are signed with."""
    if len(secret.encode()) < SHORTEST_JWT_SECRET:
        raise Wrong(f"must have at least {SHORTEST_JWT_SECRET} bytes; try: openssl rand -hex 32")
    return secret


def pem(value: str) -> str:
    r"""Read a public key in PEM form, on several lines or with `\n` between them on one."""
    text = value.replace("\\n", "\n")
    if "-----BEGIN PUBLIC KEY-----" not in text:
        raise Wrong("must be a public key in PEM form (-----BEGIN PUBLIC KEY-----)")
    return text


def is_loopback(address: str) -> bool:
    """Tell whether an address leads to this machine."""
    parts = _parts(address)
    host = (parts.hostname if parts else None) or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
