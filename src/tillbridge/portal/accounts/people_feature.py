"""People, groups, support access and the operator's merchants as a part of the portal."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.accounts.groups_routes import GroupPages
from tillbridge.portal.accounts.groups_service import Groups
from tillbridge.portal.accounts.invitation_routes import InvitationPages
from tillbridge.portal.accounts.invitations import Invitations
from tillbridge.portal.accounts.merchants import Merchants
from tillbridge.portal.accounts.operator_routes import PATH as OPERATOR
from tillbridge.portal.accounts.operator_routes import OperatorPages, StaffEntry
from tillbridge.portal.accounts.people_routes import PATH, PeoplePages
from tillbridge.portal.accounts.people_service import People
from tillbridge.portal.accounts.support_routes import SupportPages
from tillbridge.portal.accounts.support_service import Staff, Support
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.pages.site import MenuEntry, Site
from tillbridge.portal.rights import Area

MENU: Final = (
    MenuEntry(PATH, "people.menu", (Area.PEOPLE,)),
    StaffEntry(OPERATOR, "people.merchants.menu"),
)


def feature(house: House, locations: Locations | None = None) -> Feature:
    """`locations` makes the head office of a new merchant; the composition hands in the one with all its hooks."""
    merchants = Merchants(house, locations or Locations(house))

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [
            *InvitationPages(site, Invitations(house)).routes(),
            # Before the people: their paths would be read as somebody's id.
            *GroupPages(site, Groups(house)).routes(),
            *SupportPages(site, Support(house)).routes(),
            *PeoplePages(site, People(house)).routes(),
            *OperatorPages(site, Staff(house), merchants).routes(),
        ]

    return Feature("people", pages=pages, menu=MENU)
