"""Who asks for a page in these tests: a doorkeeper to whom everybody is one person."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from tillbridge.portal.pages.site import Visit
from tillbridge.portal.rights import Person, Reach, Right

TOKEN = "the-token-of-this-test"


def somebody(
    tenant_id: str, *rights: str, stepped_up_at: datetime | None = None, locations: frozenset[str] | None = None
) -> Person:
    """Somebody with these rights, everywhere or at these locations."""
    reach = Reach(everywhere=True) if locations is None else Reach(locations=locations)
    given = {right: reach for name in rights if (right := Right.parse(name)) is not None}
    assert len(given) == len(rights)
    return Person("1" * 32, "Sam Somebody", "sam@shop.example", None, tenant_id, given, stepped_up_at=stepped_up_at)


@dataclass(slots=True)
class Standing:
    """Lets everybody in as this person (None: nobody)."""

    person: Person | None

    async def visit(self, request: Request) -> Visit | None:  # noqa: ARG002  # as the protocol has it
        return None if self.person is None else Visit("session", TOKEN, self.person)

    def owns(self, visit: Visit, form_token: str | None) -> bool:
        return form_token == visit.form_token
