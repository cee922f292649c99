"""Numbers are read as people write them, and anything that is not one is refused."""

import re
import subprocess
import sys
from random import Random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, carrier
from phonenumbers.carrierdata import CARRIER_DATA

from adapters import phones
from adapters.phones import LONGEST, PhoneNumbers
from domain.payee import COUNTRIES, Msisdn

BASES = {
    "+237690000": "CM",
    "+2250700000": "CI",
    "+22370000": "ML",
    "+221770000": "SN",
    "+224620000": "GN",
    "+261320000": "MG",
    "+243840000": "CD",
    "+243900000": "CD",
    "+23277000": "SL",
    "+256790000": "UG",
    "+2207000": "GM",
}
numbers = PhoneNumbers()


@pytest.mark.parametrize("base", BASES)
def test_every_number_of_the_sandbox_is_a_mobile_number_of_its_country(base: str) -> None:
    for suffix in range(1_000):
        text = f"{base}{suffix:03d}"
        found = numbers.read(text)
        assert found is not None, text
        assert (found.e164, found.country) == (text, BASES[base])


@pytest.mark.parametrize(
    "written",
    [
        "+2250700000789",
        "002250700000789",
        "2250700000789",
        "+225 07 00 00 07 89",
        "+225-07-00-00-07-89",
        "00225 (07) 00.00.07.89",
        " +2250700000789 ",
    ],
)
def test_a_number_is_read_however_it_is_written(written: str) -> None:
    found = numbers.read(written)
    assert found is not None
    assert (found.e164, found.country) == ("+2250700000789", "CI")


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "+",
        "00",
        "0700000789",
        "770000789",
        "+22507000007",
        "+225070000078900",
        "+2252721000000",
        "+2210770000789",
        "+2250700000789x12",
        "+2250700000789;ext=12",
        "+225O700000789",
        "tel:+2250700000789",
        "+٢٢٥٠٧٠٠٠٠٠٧٨٩",
        "+" + "".join(chr(0xFF10 + int(digit)) for digit in "2250700000789"),
        "++2250700000789",
        "+00225070000789",
        "+2250700000789\n",
        "+2250700000789\x00",
        "+2250700000789\u200e",
        "+225 0700000789,",
        "+999123456789",
        "not a phone",
        "9" * 10_000,
    ],
)
def test_what_is_no_mobile_number_is_refused(written: str) -> None:
    assert numbers.read(written) is None


def test_a_number_of_a_country_that_is_not_ours_is_told_as_what_it_is() -> None:
    found = numbers.read("+33612345678")
    assert found is not None
    assert found.country == "FR"
    assert numbers.read("33612345678") is None


def test_the_network_that_issued_a_number_is_known_where_the_plan_says() -> None:
    orange, africell = numbers.read("+2250700000789"), numbers.read("+23277000789")
    assert orange is not None
    assert africell is not None
    assert (orange.operator, africell.operator) == ("Orange", "Africell")


@given(st.text(max_size=LONGEST + 4) | st.text(alphabet="+0123456789 -().", max_size=LONGEST + 4))
def test_whatever_is_read_is_read_again_as_the_same(text: str) -> None:
    found = numbers.read(text)
    if found is not None:
        assert len(text) <= LONGEST
        assert numbers.read(found.e164) == found


@given(st.sampled_from(sorted(COUNTRIES)), st.integers(0, 10**10))
def test_a_number_of_our_own_table_is_always_taken(iso: str, digits: int) -> None:
    country = COUNTRIES[iso]
    e164 = f"+{country.calling_code}{digits}"
    if country.owns(e164):
        found = numbers.read(e164)
        assert found is not None
        assert found.country == iso


# --- the quick way --------------------------------------------------------------------------------


def told(read: Msisdn | None) -> tuple[str, str, str] | None:
    """Return all of it: the operator takes no part in comparing two numbers."""
    return (read.e164, read.country, read.operator) if read is not None else None


@pytest.mark.parametrize("iso", COUNTRIES)
def test_the_quick_way_says_what_the_library_says_of_every_block(iso: str) -> None:
    chance, quickly = Random(iso), 0
    plan = phones._plan(iso)
    assert plan is not None
    for lead in range(1000):
        for length in (7, 8, 9, 10):
            rest = "".join(chance.choices("0123456789", k=length - 3))
            e164 = f"+{COUNTRIES[iso].calling_code}{lead:03}{rest}"
            assert told(phones._mobile(e164)) == told(phones._at_length(e164)), e164
            quickly += plan.mobile.fullmatch(e164) is not None
    assert quickly > 20


@given(st.sampled_from(sorted(COUNTRIES)), st.from_regex(r"[0-9]{4,12}", fullmatch=True))
def test_the_quick_way_says_what_the_library_says_of_any_number(iso: str, digits: str) -> None:
    e164 = f"+{COUNTRIES[iso].calling_code}{digits}"
    assert told(phones._mobile(e164)) == told(phones._at_length(e164))


@given(st.data())
def test_the_quick_way_says_what_the_library_says_of_mobile_numbers(data: st.DataObject) -> None:
    iso = data.draw(st.sampled_from(sorted(COUNTRIES)))
    known = PhoneMetadata.metadata_for_region(iso)
    assert known is not None
    assert known.mobile is not None
    mobile = re.compile(known.mobile.national_number_pattern or "", re.ASCII)
    e164 = f"+{COUNTRIES[iso].calling_code}{data.draw(st.from_regex(mobile, fullmatch=True))}"
    assert told(phones._mobile(e164)) == told(phones._at_length(e164))
    assert phones._mobile(e164) is not None


@pytest.mark.parametrize("iso", COUNTRIES)
def test_the_operators_of_our_countries_are_those_of_the_library(iso: str) -> None:
    code = COUNTRIES[iso].calling_code
    known = {
        prefix.removeprefix(code): names["en"]
        for prefix, names in CARRIER_DATA.items()
        if prefix.startswith(code) and "en" in names
    }
    plan = phones._plan(iso)
    assert plan is not None
    assert plan.operators == known


@given(st.data())
def test_who_issued_a_number_of_ours_is_told_as_the_library_tells(data: st.DataObject) -> None:
    code = data.draw(st.sampled_from([each.calling_code for each in COUNTRIES.values()]))
    found = numbers.read(f"+{code}{data.draw(st.from_regex(r'[0-9]{6,10}', fullmatch=True))}")
    if found is not None:
        theirs = carrier.name_for_number(phonenumbers.parse(found.e164), "en")
        assert found.operator == theirs


def test_the_operators_of_the_whole_world_are_not_loaded() -> None:
    """They are ten megabytes of each process."""
    script = "import sys, entrypoints.container; print('phonenumbers.carrierdata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_a_common_number_is_read_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(phones, "_at_length", asked.append)
    for number in ("+2250700000789", "00221 77 000 07 89", "237670000789"):
        assert PhoneNumbers().read(number) is not None
    assert asked == []
