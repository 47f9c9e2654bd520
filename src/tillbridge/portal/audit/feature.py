"""The audit log, as the portal takes it in."""

from dataclasses import dataclass

from tillbridge.portal.audit.pages import HOME, routes
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import MenuEntry
from tillbridge.portal.rights import Area, Person


@dataclass(frozen=True, slots=True)
class _Entry(MenuEntry):
    def shown_to(self, person: Person) -> bool:
        """As any entry; the operator's staff besides, who read what concerns the portal as a whole."""
        return (person.operator and person.tenant_id is None) or MenuEntry.shown_to(self, person)


def feature(house: House) -> Feature:
    """The pages, and the sealer as a job of the background."""
    return Feature(
        "audit",
        pages=routes,
        jobs=[Sealer(house).run],
        menu=[_Entry(HOME, "audit.menu", (Area.AUDIT,), seldom=True)],
    )
