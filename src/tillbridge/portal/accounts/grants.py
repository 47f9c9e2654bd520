"""How far a grant reaches: scopes, the tree of a merchant's locations, and what franchisees keep to themselves.

Pure: the rules of docs/reference/portal-rights.md, "Reach", without a database.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.portal.rights import RESTRICTABLE, Action, Area, Reach, Right

NOWHERE: Final = Reach()


class Scope(StrEnum):
    """Where the rights of a membership hold: at all of the merchant, below one location with it, or at it alone."""

    TENANT = "tenant"
    SUBTREE = "subtree"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Grant:
    """A scope with its root. `location_id` is None for the whole merchant, and for nothing else."""

    scope: Scope
    location_id: str | None = None

    def __post_init__(self) -> None:
        if (self.scope is Scope.TENANT) != (self.location_id is None):
            raise ValueError("the whole merchant has no root, everything else has one")


EVERYTHING: Final = Grant(Scope.TENANT)


@dataclass(frozen=True, slots=True)
class Plot:
    """What reaches ask of a location: what it hangs under, and the areas that it keeps from those above."""

    parent_id: str | None
    keeps: frozenset[Area] = frozenset()


class Estate:
    """A merchant's locations as a tree."""

    def __init__(self, plots: Mapping[str, Plot]) -> None:
        self._plots = plots
        self._kept = frozenset(area for plot in plots.values() for area in plot.keeps) & RESTRICTABLE
        self._below: dict[str | None, list[str]] = defaultdict(list)
        for location_id, plot in plots.items():
            known = plot.parent_id if plot.parent_id in plots else None
            self._below[known].append(location_id)
        self._walked: dict[tuple[Grant, Area | None], Reach] = {}

    def __contains__(self, location_id: str | None) -> bool:
        return location_id in self._plots

    def reach(self, grant: Grant, area: Area) -> Reach:
        """Where a right of this area holds by this grant.

        A franchise that keeps the area to itself is left out with all below it, unless the grant has its root there
        or below: then it is the franchisee's own.
        """
        key = (grant, area if area in self._kept else None)
        if key not in self._walked:
            self._walked[key] = self._walk(*key)
        return self._walked[key]

    def upwards(self, location_id: str) -> Iterator[str]:
        """The location, what it hangs under, and so on to the top."""
        seen: set[str] = set()
        at: str | None = location_id
        while at is not None and at in self._plots and at not in seen:
            yield at
            seen.add(at)
            at = self._plots[at].parent_id

    def _walk(self, grant: Grant, area: Area | None) -> Reach:
        match grant:
            case Grant(Scope.TENANT):
                return Reach(everywhere=True) if area is None else Reach(locations=self._under(None, area))
            case Grant(Scope.SUBTREE, str(root)) if root in self._plots:
                return Reach(locations=self._under(root, area) | {root})
            case Grant(Scope.LOCATION, str(root)) if root in self._plots:
                return Reach(locations=frozenset({root}))
            case _:
                return NOWHERE

    def _under(self, root: str | None, area: Area | None) -> frozenset[str]:
        found: set[str] = set()
        waiting = [*self._below[root]] if root is None or root in self._below else []
        while waiting:
            at = waiting.pop()
            if at not in found and (area is None or area not in self._plots[at].keeps):
                found.add(at)
                waiting += self._below.get(at, ())
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What somebody may do in a merchant, and by which grants."""

    estate: Estate
    grants: Mapping[Right, frozenset[Grant]]

    def held(self, right: Right) -> frozenset[Grant]:
        """The grants of a right: whoever may edit may view."""
        own = self.grants.get(right, frozenset())
        return (
            own if right.action is Action.EDIT else own | self.grants.get(Right(right.area, Action.EDIT), frozenset())
        )

    def reach(self, right: Right) -> Reach:
        """Where a right holds."""
        found = NOWHERE
        for grant in self.held(right):
            found |= self.estate.reach(grant, right.area)
        return found

    def reaches(self) -> Mapping[Right, Reach]:
        """Where each right holds that holds anywhere."""
        found = {right: self.reach(right) for right in self.grants}
        return {right: reach for right, reach in found.items() if reach != NOWHERE}

    def whole(self, right: Right) -> bool:
        """Whether a right is held for the merchant as a whole, whatever single franchisees keep from it."""
        return EVERYTHING in self.held(right)

    def includes(self, right: Right, grant: Grant) -> bool:
        """Whether somebody else may be given this right by this grant: it holds nowhere where one's own does not.

        A subtree is only handed on out of a subtree (or the whole merchant), since locations may be added to it.
        """
        mine, theirs = self.reach(right), self.estate.reach(grant, right.area)
        if mine.everywhere:
            return True
        match grant:
            case Grant(Scope.LOCATION):
                return theirs != NOWHERE and theirs.locations <= mine.locations
            case Grant(Scope.SUBTREE, str(root)):
                wider = {EVERYTHING, *(Grant(Scope.SUBTREE, above) for above in self.estate.upwards(root))}
                return any(self.estate.reach(one, right.area).covers(root) for one in self.held(right) & wider)
            case _:
                return self.whole(right)

    def includes_all(self, rights: Collection[Right], grant: Grant) -> bool:
        """Whether all of these rights may be given by this grant."""
        return all(self.includes(right, grant) for right in rights)

    def common(self, rights: Collection[Right]) -> Reach:
        """Where all of these rights hold at once."""
        found = Reach(everywhere=True)
        for right in rights:
            reach = self.reach(right)
            if found.everywhere or reach.everywhere:
                found = reach if found.everywhere else found
            else:
                found = Reach(locations=found.locations & reach.locations)
        return found
