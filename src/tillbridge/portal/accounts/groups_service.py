"""Changing groups: each change acts on all members at their next request, since nothing of it is kept anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import groups_store
from tillbridge.portal.accounts.desk import Desk, changing, reading
from tillbridge.portal.accounts.grants import EVERYTHING
from tillbridge.portal.accounts.people_model import Group, PeopleEvent, clean_group_name, tidy_rights
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import EVERY_RIGHT, Person, Right

MOST_GROUPS = 100
"""Groups of one merchant: more would be persons by another name."""


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A group. `givable` are the rights that the reader may add or take away; none of them if he may not edit it.

    `size` is the number of members, None for a reader who does not answer for the whole merchant.
    """

    group: Group
    size: int | None
    givable: frozenset[Right]

    @property
    def removable(self) -> bool:
        """Whether the reader may remove the group: it is the merchant's own, and empty."""
        return bool(self.givable) and self.group.stock is None and self.size == 0


class Groups:
    """The groups of a merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def every(self, person: Person) -> tuple[Sequence[Group], Mapping[str, int] | None]:
        """All groups, and how many people are in each for a reader who answers for the whole merchant."""
        async with reading(self._house, person) as desk:
            whole = desk.sight.whole
            found = await groups_store.all_groups(desk.connection, desk.tenant_id)
            return found, await groups_store.sizes(desk.connection, desk.tenant_id) if whole else None

    async def show(self, person: Person, group_id: str) -> GroupPage:
        """One of them. `BridgeError(RECORD_UNKNOWN)` for another merchant's."""
        async with reading(self._house, person) as desk:
            whole = desk.sight.whole
            group = await desk.group(group_id)
            sizes = await groups_store.sizes(desk.connection, desk.tenant_id)
            givable = frozenset() if group.stock is Stock.OWNER else _givable(desk, group.rights)
            return GroupPage(group, sizes.get(group.id, 0) if whole else None, givable)

    async def blank(self, person: Person) -> frozenset[Right]:
        """The rights that a new group of this person's may have; none if he may make no group."""
        async with reading(self._house, person) as desk:
            return _givable(desk, frozenset())

    async def make(self, person: Person, name: str, rights: frozenset[Right]) -> Group:
        """A new group. `BridgeError`: RIGHT_MISSING for a right that its maker does not have everywhere."""
        async with changing(self._house, person) as desk:
            wanted = tidy_rights(rights)
            desk.require_groups(*wanted)
            found = await groups_store.all_groups(desk.connection, desk.tenant_id)
            if len(found) >= MOST_GROUPS:
                raise BridgeError(Code.RECORD_CONFLICT, f"a merchant has at most {MOST_GROUPS} groups", place="name")
            chosen = _free_name(found, clean_group_name(name), None)
            group = Group(self._house.runtime.ids.new(), desk.tenant_id, chosen, None, wanted)
            await groups_store.make(desk.connection, group, desk.now)
            await self._note(desk, PeopleEvent.GROUP_MADE, group, after=group)
        return group

    async def change(self, person: Person, group_id: str, name: str, rights: frozenset[Right]) -> None:
        """Gives a group a name and rights. Stock groups keep their names, and owners all their rights.

        `BridgeError`: RIGHT_MISSING if the editor has less than the group has or would have at any place where it is
        used; RECORD_CONFLICT for the owners' group.
        """
        async with changing(self._house, person) as desk:
            group = await desk.group(group_id)
            if group.stock is Stock.OWNER:
                raise BridgeError(Code.RECORD_CONFLICT, "owners have every right", place="owner")
            wanted = tidy_rights(rights)
            desk.require_groups(*group.rights, *wanted)
            added = wanted - group.rights
            for grant in await groups_store.grants_in(desk.connection, group.id):
                if not desk.holdings.includes_all(added, grant):
                    raise BridgeError(
                        Code.RIGHT_MISSING, "the group is used where its editor lacks an added right", place="rights"
                    )
            chosen = group.name
            if group.stock is None:
                found = await groups_store.all_groups(desk.connection, desk.tenant_id)
                chosen = _free_name(found, clean_group_name(name), group.id)
            await groups_store.change(desk.connection, group, chosen, wanted)
            after = Group(group.id, group.tenant_id, chosen, group.stock, wanted)
            await self._note(desk, PeopleEvent.GROUP_CHANGED, group, before=group, after=after)

    async def remove(self, person: Person, group_id: str) -> None:
        """Removes a group of the merchant's own that nobody is in."""
        async with changing(self._house, person) as desk:
            group = await desk.group(group_id)
            desk.require_groups(*group.rights)
            if group.stock is not None:
                raise BridgeError(Code.RECORD_CONFLICT, "stock groups stay", place="stock")
            if await groups_store.grants_in(desk.connection, group.id):
                raise BridgeError(Code.RECORD_CONFLICT, "there are people in this group", place="members")
            await groups_store.remove(desk.connection, group.id)
            await self._note(desk, PeopleEvent.GROUP_REMOVED, group, before=group)

    async def _note(
        self, desk: Desk, event: PeopleEvent, group: Group, *, before: Group | None = None, after: Group | None = None
    ) -> None:
        entry = Entry(event, desk.tenant_id, None, group.label, _facts(before), _facts(after))
        await self._house.audit.note(desk.connection, desk.person.actor, entry)


def _givable(desk: Desk, now: frozenset[Right]) -> frozenset[Right]:
    """What a desk may tick: all it has for the whole merchant, if that is all that the group has already."""
    mine = frozenset(right for right in EVERY_RIGHT if desk.holdings.includes(right, EVERYTHING))
    try:
        desk.require_groups(*now)
    except BridgeError:
        return frozenset()
    return mine


def _free_name(groups: Sequence[Group], name: str, own_id: str | None) -> str:
    if any(one.name.casefold() == name.casefold() and one.id != own_id for one in groups):
        raise BridgeError(Code.RECORD_CONFLICT, "another group has this name", place="name")
    return name


def _facts(group: Group | None) -> Mapping[str, object]:
    return {} if group is None else {"name": group.label, "rights": sorted(str(right) for right in group.rights)}
