"""Who issued a number: the prefixes of our countries' mobile operators, by the published plans."""

from typing import Final

OPERATORS: Final[dict[str, dict[str, str]]] = {
    "CM": {
        "Camtel": "24 62",
        "MTN Cameroon": "650 651 652 653 654 67 680 681 682 683",
        "NEXTTEL": "66 684 685",
        "Orange": "64 655 656 657 658 659 686 687 688 689 69",
    },
    "CI": {
        "MTN": "05",
        "Moov": "01",
        "Orange": "07",
    },
    "ML": {
        "Atel": "5",
        "Orange": "200 7 82 83 84 85 90 91 92 93 94",
        "Sotelma": "2079 217 6 89 95 96 97 98 99",
    },
    "SN": {
        "ADIE": "79",
        "Expresso": "70",
        "HAYO": "72",
        "Orange": "71 77 78",
        "Promobile": "75",
        "Yas": "76",
    },
    "GN": {
        "Areeba": "66",
        "Cellcom": "65",
        "Intercel": "63",
        "Orange": "61 62",
        "Sotelgui": "60",
    },
    "MG": {
        "Airtel": "33 35",
        "Blueline": "39",
        "Orange": "32 37",
        "Yas": "34 36 38",
    },
    "CD": {
        "Africell": "90 91",
        "Airtel": "96 97 98 99",
        "Orange": "80 84 85 89",
        "Tatem Telecom": "87",
        "Vodacom": "81 82 83 86",
        "Yozma Timeturns sprl -YTT": "88",
    },
    "SL": {
        "Africell": "30 33 70 77 8 9",
        "Onlime": "6",
        "Orange": "7",
        "QCELL": "31 32 34 35",
        "Sierratel": "25",
    },
    "UG": {
        "Africell": "798 799",
        "Airtel": "70 730 731 732 74 75",
        "Hamilton Telecom": "7240 736",
        "LycaMobile": "721 726 727",
        "MTN": "724 737 76 77 78 79",
        "Roke Telkom": "734",
        "Savanna": "7210",
        "Smile": "720",
        "Talkio": "728",
        "UTL": "71",
    },
    "GM": {
        "Africell": "2 40 41 45 7 872 8740 8741 8745 877",
        "Comium": "6 84 85 86 87",
        "Gamcel": "899 9",
        "QCell": "3 50 51 52 53 54 556 58 59 833 835",
    },
}
"""For each country the names, and with each the national digits that its numbers begin with.

The longest beginning counts. As phonenumbers has them, which carries those of the whole world, ten
megabytes of them, or none.
"""
