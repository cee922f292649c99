"""How a provider is plugged in: what its module declares, what `build` receives and returns.

A provider is one module (a folder) and one configuration entry. The module has `SETTINGS`, which
environment names it reads, and `build(wiring)`, which makes its gateway; nothing else is touched.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from adapters.provider_kit.limits import CallLimits
from adapters.provider_kit.tokens import TokenStore
from application.ports import Clock, Gateway
from domain.attempts import Capabilities

_DECLARATION = "setting"
_Settings = TypeVar("_Settings")
_Options = TypeVar("_Options")


class Misconfigured(Exception):
    """A provider cannot be built. `faults` has a line each; they name settings, never values."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Take one line per fault."""
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment setting of a provider: `suffix` follows its upper-case id and `_`.

    secret: never shown, and checked for strength in production. url: must be https off loopback
    in production. default: used when the environment does not name it; without one, an optional
    setting is empty.
    """

    suffix: str
    required: bool = True
    secret: bool = False
    url: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What `build` receives.

    provider: its id. settings: the values of its SETTINGS by suffix; one that is absent or empty
    is not set. options: the `options` table of its configuration entry, as plain values. tokens:
    a store shared by processes, None: tokens stay in this one. tls: how certificates are checked,
    None: against the public authorities.
    """

    provider: str
    settings: Mapping[str, str] = field(repr=False)
    capabilities: Capabilities
    clock: Clock
    options: Mapping[str, object] = field(default_factory=dict)
    limits: CallLimits = field(default_factory=CallLimits)
    tokens: TokenStore | None = None
    tls: ssl.SSLContext | None = None

    def read_settings(self, kind: type[_Settings]) -> _Settings:
        """Return the settings as `kind`, made of `setting()` fields; raise Misconfigured."""
        values = {each.suffix: self.settings.get(each.suffix, "") for each in declared(kind)}
        faults, read = [], {}
        for each in declared(kind):
            value = values[each.suffix] or each.default
            fault = _fault_of(each, value)
            if fault is not None:
                faults.append(f"{self.name_of(each.suffix)} {fault}")
            read[each.suffix.lower()] = value.rstrip("/") if each.url else value
        if faults:
            raise Misconfigured(faults)
        return kind(**read)

    def read_options(self, kind: type[_Options]) -> _Options:
        """Return the options as a msgspec Struct; raise Misconfigured for wrong or unknown ones."""
        try:
            return msgspec.convert(dict(self.options), kind)
        except msgspec.ValidationError as problem:
            raise Misconfigured([f"{self.provider} options: {problem}"]) from None

    def name_of(self, suffix: str) -> str:
        """Return the environment name of a setting."""
        return f"{self.provider.upper()}_{suffix}"


class ProviderGateway(Gateway, Protocol):
    """A gateway with a life: closed once, by whoever built it."""

    async def aclose(self) -> None:
        """Close its connections and stop its background work."""
        ...


class ProviderModule(Protocol):
    """What a provider's module has at its top level."""

    @property
    def SETTINGS(self) -> Sequence[Setting]:  # noqa: N802 -- a module's constant
        """The environment settings that it reads."""
        ...

    def build(self, wiring: Wiring) -> ProviderGateway:
        """Return the gateway; nothing is called or opened yet. Raises Misconfigured."""
        ...


def provider_module(path: str) -> ProviderModule:
    """Import a provider by its dotted path; raise Misconfigured when there is none."""
    try:
        module = import_module(path)
    except ModuleNotFoundError as problem:
        if problem.name is None or not path.startswith(problem.name):
            raise
        raise Misconfigured([f"there is no provider module {path}"]) from None
    if not callable(getattr(module, "build", None)) or not hasattr(module, "SETTINGS"):
        raise Misconfigured([f"{path} has no SETTINGS or no build(wiring)"])
    return cast("ProviderModule", module)


def setting(
    *,
    required: bool = True,
    secret: bool = False,
    url: bool = False,
    default: str = "",
    shown: bool = True,
) -> Any:  # noqa: ANN401 -- as dataclasses.field, it stands in for a value of any type
    """Declare a field of a keyword-only settings dataclass.

    A secret stays out of its repr, and so does what is not to be `shown` without being one: a key
    that a partner gave out, whose strength is not ours to judge.
    """
    declaration = {"required": required, "secret": secret, "url": url, "default": default}
    return field(
        default=MISSING if required and not default else default,
        repr=shown and not secret,
        metadata={_DECLARATION: declaration},
    )


def declared(kind: type) -> tuple[Setting, ...]:
    """Return the settings that a dataclass of `setting()` fields declares."""
    return tuple(Setting(each.name.upper(), **each.metadata[_DECLARATION]) for each in fields(kind))


def _fault_of(declaration: Setting, value: str) -> str | None:
    if not value:
        return "is not set" if declaration.required else None
    if not value.isascii() or not value.isprintable() or " " in value:
        return "has characters that cannot be sent in a header"
    return _url_fault(value) if declaration.url else None


def _url_fault(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "must be a URL like https://api.example.com"
    if parts.username is not None or parts.query or parts.fragment or "?" in value or "#" in value:
        return "must be a bare URL, without user, query or fragment"
    return None
