"""Who asks, in the tests of locations, licences, services and the start page: given, so that nobody has to sign in."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from tillbridge.portal.pages.site import Visit
from tillbridge.portal.rights import EVERY_RIGHT, Person, Reach, Right

TOKEN = "the-token-of-this-test"


def owner(tenant_id: str, *, stepped_up_at: datetime | None = None) -> Person:
    """Somebody with every right everywhere in this merchant."""
    reaches = dict.fromkeys(EVERY_RIGHT, Reach(everywhere=True))
    return Person("0" * 32, "Olga Owner", "olga@shop.example", None, tenant_id, reaches, stepped_up_at=stepped_up_at)


def somebody(
    tenant_id: str, *rights: str, locations: frozenset[str] | None = None, stepped_up_at: datetime | None = None
) -> Person:
    """Somebody with these rights, everywhere or at these locations."""
    reach = Reach(everywhere=True) if locations is None else Reach(locations=locations)
    given = {right: reach for name in rights if (right := Right.parse(name)) is not None}
    assert len(given) == len(rights)
    return Person("1" * 32, "Sam", "sam@shop.example", None, tenant_id, given, stepped_up_at=stepped_up_at)


def staff(*, stepped_up_at: datetime | None = None) -> Person:
    """Somebody of the operator's staff who helps nobody right now."""
    return Person("2" * 32, "Otto", "otto@portal.example", None, None, {}, operator=True, stepped_up_at=stepped_up_at)


@dataclass(slots=True)
class Standing:
    """A doorkeeper to whom everybody who asks is this person (None: nobody)."""

    person: Person | None

    async def visit(self, request: Request) -> Visit | None:  # noqa: ARG002  # as the protocol has it
        return None if self.person is None else Visit("session", TOKEN, self.person)

    def owns(self, visit: Visit, form_token: str | None) -> bool:
        return form_token == visit.form_token
