"""Requests made up from the document of the partners' interface, with a good key, against the assembled portal.

Whatever comes, nothing of ours breaks, and the answer is one that the document promises. The key opens a shop that
sells vouchers, but no made-up number is one of them: so nothing is booked.
"""

import json
import random
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as chances
from schemathesis.core.transport import Response
from sqlalchemy import Engine, func, insert, select

from scripts.partner_api import text
from tests.integration.test_portal_schemathesis import PROMISES, database, portal, settings
from tillbridge.link.scopes import write_scopes
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.locations.tables import location
from tillbridge.portal.partners.model import ENDING, SCOPES, digest_of, draw_key
from tillbridge.portal.partners.tables import partner, partner_key
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.vault import open_vault
from tillbridge.portal.vouchers.tables import voucher_location
from tillbridge.runtime.effects import Runtime

__all__ = ["database", "portal", "settings"]

EXAMPLES = 5

SCHEMA = schemathesis.openapi.from_dict(json.loads(text()))


@pytest.fixture(scope="module")
def key(portal: str, settings: PortalSettings, database: Engine) -> str:  # noqa: ARG001  # the portal has to be filled
    """A key with every scope at a shop that takes part in a voucher system."""
    runtime, made = Runtime(), draw_key(random.Random(5))
    partner_id, now = runtime.ids.new(), runtime.clock.now()
    with database.begin() as connection:
        place = connection.execute(
            select(location.c.id, location.c.tenant_id).join(
                voucher_location, voucher_location.c.location_id == location.c.id
            )
        ).first()
        assert place is not None
        owner = {"id": partner_id, "tenant_id": place.tenant_id, "name": "Shop"}
        connection.execute(insert(partner).values(**owner, created_at=now, created_by="test"))
        connection.execute(
            insert(partner_key).values(
                id=runtime.ids.new(),
                partner_id=partner_id,
                location_id=place.id,
                digest=digest_of(open_vault(settings.data), made),
                ending=made[-ENDING:],
                scopes=write_scopes(SCOPES),
                in_address=False,
                created_at=now,
                created_by="test",
            )
        )
    return made


@SCHEMA.parametrize()
@chances(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_the_interface_keeps_the_promises_of_its_document(case: Any, portal: str, key: str, database: Engine) -> None:
    case.headers = {**(case.headers or {}), "X-Api-Key": key}
    case.headers.pop("Authorization", None)
    reply: Response = case.call(base_url=f"{portal}/v1")
    assert reply.status_code != 401
    case.validate_response(reply, checks=PROMISES)
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(entry)).scalar_one() == 0


def test_the_document_says_how_a_request_is_proven() -> None:
    document = json.loads(text())
    assert document["components"]["securitySchemes"]["PartnerKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The key of a location.",
    }
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["security"] == [{"PartnerKey": []}, {"PartnerKeyAsBearer": []}]
            assert "application/problem+json" in operation["responses"]["default"]["content"]
