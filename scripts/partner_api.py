"""Draws docs/reference/partner-openapi.json: the partners' part of the portal's own OpenAPI document."""

import json
from pathlib import Path
from typing import Final, cast

from tillbridge.portal.app import PREFIX, api_app
from tillbridge.portal.audit.log import AuditLog
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.mail.post import Post
from tillbridge.portal.partners.api import routes
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Database
from tillbridge.portal.vault import Vault
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.runtime.effects import Runtime

NAME: Final = "partner-openapi.json"


def text() -> str:
    """The document as a file."""
    # Nobody asks this application anything, so neither a database nor keys are behind it.
    runtime, vault = Runtime(), cast(Vault, None)
    settings = PortalSettings(data=Path())
    house = House(settings, cast(Database, None), vault, runtime, AuditLog(runtime), Post(runtime, vault))
    api = routes(house, cast(VoucherDesk, None), cast(Registry, None))
    document = api_app(house, [Feature("partners", api=api)]).openapi()
    document["info"]["title"] = "tillbridge portal: vouchers for partners"
    document["servers"] = [{"url": PREFIX}]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
