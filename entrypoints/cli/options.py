"""Options that several commands share, with the words that explain them."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

AsJson = Annotated[
    bool, Parameter(name="--json", negative=(), show_default=False, help="Print JSON.")
]
User = Annotated[str, Parameter(help="On whose behalf.")]
ProviderId = Annotated[str, Parameter(help="A provider's id; `cashout providers` lists them.")]
Amount = Annotated[str, Parameter(help="What the payee gets, like 1500 or 10.50.")]
CurrencyCode = Annotated[str, Parameter(help="ISO 4217 code, like XOF.")]
Account = Annotated[str, Parameter(help="The payee's number, like +2250700000789.")]
CashOutId = Annotated[str, Parameter(help="The id that `cashout request` printed.")]
Port = Annotated[
    int | None,
    Parameter(validator=Number(gte=0, lte=65_535), show_default=False),
]
