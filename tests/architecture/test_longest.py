"""The files that begin first are there: a name that leads nowhere would have one run last."""

import pytest

from tests.architecture.house import ROOT
from tests.conftest import LONGEST


@pytest.mark.parametrize("file", LONGEST)
def test_a_file_that_begins_first_exists(file: str) -> None:
    assert (ROOT / "tests" / file).is_file()
