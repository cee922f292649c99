"""TRUSTED_PROXIES: whoever is named is known when they ask, and everybody is never named."""

from pathlib import Path

import pytest

from adapters.console.peers import FORWARDED, address_of
from entrypoints.settings import Settings, SettingsRefused, read_settings


def settings_of(folder: Path, proxies: str) -> Settings:
    return read_settings({"CASHOUT_DATA_DIR": str(folder), "TRUSTED_PROXIES": proxies})


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("10.1.0.0/24, 10.2.0.7", "10.1.0.9"),
        ("0.0.0.0/1", "10.0.0.1"),
        ("2001:db8::/64", "2001:db8::7"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("::ffff:10.1.0.0/120", "10.1.0.9"),
    ],
)
def test_a_proxy_is_trusted_however_its_address_is_written(
    tmp_path: Path, proxies: str, peer: str
) -> None:
    trusted = settings_of(tmp_path, proxies).trusted_proxies
    told = [(FORWARDED, b"203.0.113.9")]
    assert address_of(peer, told, trusted) == "203.0.113.9"
    assert address_of("192.0.2.1", told, trusted) == "192.0.2.1"


@pytest.mark.parametrize(
    "everybody",
    [
        "0.0.0.0/0",
        "0.0.0.0/1,128.0.0.0/1",
        "128.0.0.0/2, 10.0.0.1, 0.0.0.0/1, ::1, 192.0.0.0/2",
        "::/0",
        "8000::/1, ::/1",
        "::ffff:0.0.0.0/96",
        "::ffff:0.0.0.0/97, 128.0.0.0/1",
        "::/64",
    ],
)
def test_everybody_is_refused_in_however_many_pieces(tmp_path: Path, everybody: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        settings_of(tmp_path, everybody)
    (fault,) = refused.value.faults
    assert fault == "TRUSTED_PROXIES must name proxies of yours, and not everybody"
