"""The board: what counts for a corridor, whatever it is that has closed it."""

from dataclasses import replace

import pytest

from application.board import Board, corridors_of
from domain.standings import Reason, Route, Standing, State
from tests.strategies import NOW, a_provider

PROVIDER = a_provider()
HERE, THERE = corridors_of(PROVIDER)[:2]


def closed(route: Route) -> Standing:
    return Standing(route, State.CLOSED, Reason.BY_HAND, NOW, 1, "planned", "Awa")


@pytest.mark.parametrize("route", HERE.upwards())
def test_a_corridor_is_told_under_its_own_name_whatever_closed_it(route: Route) -> None:
    board = Board()
    board.show([closed(route)], NOW)
    corridor = PROVIDER.corridors[HERE.country]
    found = board.of_corridor(PROVIDER, corridor, HERE.currency)
    assert (found.route, found.state, found.note) == (HERE, State.CLOSED, "planned")
    assert board.standing(HERE).route == route, "which one it was can still be learnt"


def test_a_provider_is_as_its_best_corridor() -> None:
    board = Board()
    assert board.of_provider(PROVIDER).state is State.OPERATIONAL
    board.show([closed(HERE)], NOW)
    assert board.of_provider(PROVIDER).state is State.OPERATIONAL
    assert board.parked(PROVIDER) == [closed(HERE)]
    board.show([closed(each) for each in corridors_of(PROVIDER)], NOW)
    assert board.of_provider(PROVIDER).state is State.CLOSED


def test_a_board_tells_when_it_shows_something_else() -> None:
    board = Board()
    assert Board().read_at is None
    for standings, changes in (([], 0), ([closed(HERE)], 1), ([closed(HERE)], 1), ([], 2)):
        board.show(standings, NOW)
        assert (board.changes, board.read_at) == (changes, NOW)


def test_what_is_switched_off_is_closed_under_its_own_name() -> None:
    corridor = PROVIDER.corridors[HERE.country]
    off = replace(corridor, enabled=False)
    gone = replace(PROVIDER, available=False)
    closed_here = Standing(HERE, State.CLOSED, Reason.SWITCHED_OFF)
    assert Board().of_corridor(PROVIDER, off, HERE.currency) == closed_here
    assert Board().of_corridor(gone, corridor, HERE.currency) == closed_here
    whole = Standing(Route(PROVIDER.id), State.CLOSED, Reason.SWITCHED_OFF)
    assert Board().of_provider(gone) == whole


def test_what_has_no_corridor_is_told_under_its_own_name_too() -> None:
    nowhere = replace(PROVIDER.corridors[HERE.country], currencies=())
    assert Board().of_country(PROVIDER, nowhere) == Standing(Route(PROVIDER.id, HERE.country))
    assert Board().of_provider(replace(PROVIDER, corridors={})) == Standing(Route(PROVIDER.id))
