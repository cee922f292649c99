"""Every planted bug, by subject."""

from tests.planted.chaining import CHAINING
from tests.planted.guarding import GUARDING
from tests.planted.judging import JUDGING
from tests.planted.keeping import KEEPING
from tests.planted.parking import PARKING
from tests.planted.ruling import RULING
from tests.planted.sending import SENDING
from tests.planted.telling import TELLING

BUGS = (*SENDING, *GUARDING, *JUDGING, *KEEPING, *TELLING, *RULING, *PARKING, *CHAINING)
