"""Handing rights on, for every tree, every restriction and every set of grants: nobody gives more than he has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.portal.accounts.grants import EVERYTHING, Estate, Grant, Holdings, Plot, Scope
from tillbridge.portal.accounts.people_model import tidy_rights
from tillbridge.portal.rights import EVERY_RIGHT, Action, Area, Reach, Right

KEPT = (Area.REPORTS, Area.PEOPLE)
AREAS = (*KEPT, Area.SERVICES)
RIGHTS = tuple(Right(area, action) for area in AREAS for action in Action)
MOST = 7


@st.composite
def estates(draw: st.DrawFn) -> dict[str, Plot]:
    """A forest: each location hangs under an earlier one or under nothing."""
    plots: dict[str, Plot] = {}
    for number in range(draw(st.integers(1, MOST))):
        parent = draw(st.none() | st.sampled_from(sorted(plots))) if plots else None
        plots[str(number)] = Plot(parent, draw(st.frozensets(st.sampled_from(KEPT))))
    return plots


grants = st.builds(
    lambda scope, number: Grant(scope, None if scope is Scope.TENANT else str(number)),
    st.sampled_from(Scope),
    st.integers(0, MOST),
)
holdings_of = st.dictionaries(st.sampled_from(RIGHTS), st.frozensets(grants, min_size=1, max_size=3), max_size=4)


def within(inner: Reach, outer: Reach) -> bool:
    return outer.everywhere or (not inner.everywhere and inner.locations <= outer.locations)


@given(estates(), holdings_of, grants, st.sampled_from(RIGHTS), st.data())
def test_what_is_handed_on_holds_nowhere_where_the_giver_has_nothing(
    plots: dict[str, Plot], held: dict[Right, frozenset[Grant]], grant: Grant, right: Right, data: st.DataObject
) -> None:
    """Neither now, nor when locations are added, nor when a franchisee gives up what it kept."""
    giver = Holdings(Estate(plots), held)
    if not giver.includes(right, grant):
        return
    later = {
        name: Plot(plot.parent_id, plot.keeps & data.draw(st.frozensets(st.sampled_from(KEPT))))
        for name, plot in plots.items()
    }
    for number in range(data.draw(st.integers(0, 3))):
        later[f"new {number}"] = Plot(data.draw(st.none() | st.sampled_from(sorted(later))))
    for estate in (Estate(plots), Estate(later)):
        taker = Holdings(estate, {right: frozenset({grant})})
        assert within(taker.reach(right), Holdings(estate, held).reach(right))


@given(estates(), holdings_of, st.sampled_from(RIGHTS))
def test_whoever_has_a_right_by_a_grant_can_hand_on_that_very_grant(
    plots: dict[str, Plot], held: dict[Right, frozenset[Grant]], right: Right
) -> None:
    giver = Holdings(Estate(plots), held)
    for grant in giver.held(right):
        if giver.estate.reach(grant, right.area) != Reach():
            assert giver.includes(right, grant)


@given(estates(), grants, st.sampled_from(AREAS))
def test_a_kept_area_is_only_reached_from_the_keeper_or_below(plots: dict[str, Plot], grant: Grant, area: Area) -> None:
    """Written out anew as the rule says it: no keeper stands between the root of a grant and what it reaches."""
    estate = Estate(plots)
    reach = estate.reach(grant, area)
    for name in plots:
        line = list(estate.upwards(name))
        if grant.scope is Scope.TENANT:
            expected = all(area not in plots[one].keeps for one in line)
        elif grant.scope is Scope.LOCATION:
            expected = name == grant.location_id
        else:
            inside = line[: line.index(grant.location_id)] if grant.location_id in line else None
            expected = inside is not None and all(area not in plots[one].keeps for one in inside)
        assert reach.covers(name) is expected
    kept = any(area in plot.keeps for plot in plots.values())
    assert reach.everywhere is (grant == EVERYTHING and not kept)


@given(estates(), holdings_of)
def test_whoever_may_edit_may_view(plots: dict[str, Plot], held: dict[Right, frozenset[Grant]]) -> None:
    giver = Holdings(Estate(plots), held)
    for area in AREAS:
        assert within(giver.reach(Right(area, Action.EDIT)), giver.reach(Right(area, Action.VIEW)))


@given(st.frozensets(st.sampled_from(EVERY_RIGHT)))
def test_tidying_rights_keeps_what_they_allow(rights: frozenset[Right]) -> None:
    def allowed(held: frozenset[Right]) -> set[Right]:
        edits = {right for right in held if right.action is Action.EDIT}
        return {*held, *(Right(right.area, Action.VIEW) for right in edits)}

    assert allowed(tidy_rights(rights)) == allowed(rights)
    assert tidy_rights(rights) <= rights


@pytest.mark.parametrize(("scope", "place"), [(Scope.TENANT, "1"), (Scope.LOCATION, None), (Scope.SUBTREE, None)])
def test_a_grant_without_sense_cannot_be_made(scope: Scope, place: str | None) -> None:
    with pytest.raises(ValueError, match="root"):
        Grant(scope, place)
