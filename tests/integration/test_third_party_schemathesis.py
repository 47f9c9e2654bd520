"""Requests made up from the document of the third-party form, with a good key, against the assembled portal.

Whatever comes, nothing of ours breaks, and the answer is one that the document promises. Then the public list of checks
is run over real HTTP, with a voucher that has credit.
"""

import asyncio
import random
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as chances
from schemathesis.core.transport import Response
from sqlalchemy import Engine, func, insert, select

from tests.integration.test_portal_schemathesis import PROMISES, database, portal, settings
from tests.portal.thirdparty.conformance import CHECKS, OverHttp, run
from tillbridge.link.scopes import Service, write_scopes
from tillbridge.portal.app import api_app
from tillbridge.portal.audit.log import AuditLog
from tillbridge.portal.demo_access import VOUCHERS
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.tables import licence, service_switch
from tillbridge.portal.locations.tables import location
from tillbridge.portal.mail.post import Post
from tillbridge.portal.partners.model import ENDING, SCOPES, digest_of, draw_key
from tillbridge.portal.partners.tables import partner, partner_key
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Database
from tillbridge.portal.thirdparty.api import routes
from tillbridge.portal.vault import Vault, open_vault
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.tables import voucher_location
from tillbridge.runtime.effects import Runtime

__all__ = ["database", "portal", "settings"]

EXAMPLES = 10


def _document() -> Any:
    # Nobody asks this application anything, so neither a database nor keys are behind it.
    runtime, vault = Runtime(), cast(Vault, None)
    made = PortalSettings(data=Path())
    house = House(made, cast(Database, None), vault, runtime, AuditLog(runtime), Post(runtime, vault))
    api = routes(house, cast(VoucherDesk, None), cast(Registry, None))
    return api_app(house, [Feature("thirdparty", api=api)]).openapi()


DOCUMENT = _document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def key(portal: str, settings: PortalSettings, database: Engine) -> str:  # noqa: ARG001  # the portal has to be filled
    """A key with every scope at a shop that takes part in a voucher system, and where the service is on."""
    runtime, made = Runtime(), draw_key(random.Random(6))
    partner_id, now = runtime.ids.new(), runtime.clock.now()
    with database.begin() as connection:
        place = connection.execute(
            select(location.c.id, location.c.tenant_id).join(
                voucher_location, voucher_location.c.location_id == location.c.id
            )
        ).first()
        assert place is not None
        product, service = Product.THIRD_PARTY_VOUCHERS.value, Service.THIRD_PARTY_VOUCHERS.value
        allotted = {"id": runtime.ids.new(), "location_id": place.id, "product": product}
        connection.execute(insert(licence).values(**allotted, starts_at=now, allotted_at=now))
        switched = {"location_id": place.id, "service": service, "is_on": True}
        connection.execute(insert(service_switch).values(**switched, changed_at=now, changed_by="test"))
        owner = {"id": partner_id, "tenant_id": place.tenant_id, "name": "Till"}
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
def test_the_form_keeps_the_promises_of_its_document(case: Any, portal: str, key: str, database: Engine) -> None:
    case.headers = {**(case.headers or {}), "X-Api-Key": key}
    case.headers.pop("Authorization", None)
    case.query = {}
    reply: Response = case.call(base_url=f"{portal}/v1")
    assert reply.status_code != 401
    case.validate_response(reply, checks=PROMISES)
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(entry)).scalar_one() == 0


def test_the_public_checks_pass_over_http(portal: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    number, pin = VOUCHERS[0]
    wire = OverHttp(f"{portal}/v1", key, f"{number}{pin}")
    said: dict[str, Any] = {"number": number, "currency": "EUR", "transaction_ref": "1", "amount": 500}
    headers = {"X-Api-Key": key, "Idempotency-Key": "conformance-load-1", "Content-Type": "application/json"}
    loaded = requests.post(f"{wire.base}/partner/vouchers/load", json=said, headers=headers, timeout=10)
    assert loaded.status_code == 200, loaded.text
    assert asyncio.run(run(OverHttp(f"{wire.base}/third-party", key, wire.code))) == {}
    assert capsys.readouterr().out.count("ok ") == len(CHECKS)


def test_the_document_says_how_a_request_is_proven_and_refused() -> None:
    assert set(DOCUMENT["paths"]) == {
        f"/third-party/vouchers/{{code}}/{name}" for name in ("balance", "redeem", "cancel")
    }
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {one["name"]: one["in"] for one in schemes.values() if one["type"] == "apiKey"} == {
        "X-Api-Key": "header",
        "apikey": "query",
    }
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            assert operation["security"] == [{name: []} for name in schemes]
            (kind, *_) = operation["responses"]["default"]["content"]
            assert kind == "application/json"
