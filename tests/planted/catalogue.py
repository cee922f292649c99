"""Every planted bug, by subject."""

from tests.planted.guarding import GUARDING
from tests.planted.judging import JUDGING
from tests.planted.keeping import KEEPING
from tests.planted.sending import SENDING
from tests.planted.telling import TELLING

BUGS = (*SENDING, *GUARDING, *JUDGING, *KEEPING, *TELLING)
