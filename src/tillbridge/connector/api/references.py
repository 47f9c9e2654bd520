"""Everything that somebody who connects a till has to read: the native interface, and the language of every door.

A wire's folder has its sheets in README*.md, and where its language is HTTP an `openapi` module whose `text()` is the
description; `profiles()` gives those of its other profiles, where it has any. All are found through the entry points of
the doors, so that a wire from elsewhere brings its own.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module, resources
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Final, cast

from tillbridge import __version__
from tillbridge.connector.api.day_reports import add_day_reports
from tillbridge.connector.api.health import add_health
from tillbridge.connector.api.keys import SHORTEST_KEY, KeyCheck
from tillbridge.connector.api.portal import add_portal
from tillbridge.connector.api.receipts import add_receipts
from tillbridge.connector.api.routes import AddRoutes, api_app
from tillbridge.connector.api.traces import add_traces
from tillbridge.connector.api.upstream import add_upstream
from tillbridge.connector.api.voucher_claims import add_voucher_claims
from tillbridge.connector.api.voucher_slips import add_voucher_slips
from tillbridge.connector.api.vouchers import add_vouchers
from tillbridge.connector.api.webhooks import add_webhooks
from tillbridge.connector.keeping.day_desk import DayDesk
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.connector.receipts.desk import ReceiptDesk
from tillbridge.connector.tracing.tracing import WireTracing
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.providers.report import ClaimDesk
from tillbridge.connector.wellbeing import Watch
from tillbridge.engine.engine import Engine
from tillbridge.protocols.registry import DOORS
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream.outbox import Outbox
from tillbridge.upstream.reports.desk import Reports

Reference = tuple[str, str, bytes]
"""The name of the file, its media type, and its content."""

OPENAPI: Final = "application/vnd.oai.openapi+json; version=3.1"
MARKDOWN: Final = "text/markdown; charset=utf-8"
SHEET: Final = "README"


FEATURES: Final[tuple[AddRoutes, ...]] = (
    lambda app: add_webhooks(app, cast(Outbox, None)),
    lambda app: add_receipts(app, cast(ReceiptDesk, None)),
    lambda app: add_portal(app, cast(PortalDesk, None)),
    lambda app: add_voucher_claims(app, cast(ClaimDesk, None)),
    lambda app: add_vouchers(app, cast(Vouchers, None)),
    lambda app: add_voucher_slips(app, cast(Vouchers, None), cast(ReceiptDesk, None)),
    lambda app: add_upstream(app, cast(Reports, None)),
    lambda app: add_day_reports(app, cast(DayDesk, None)),
    lambda app: add_health(app, cast(Watch, None)),
    lambda app: add_traces(app, cast(WireTracing, None)),
)
"""What a connector's composition adds to the native interface, for its description: with nothing behind it."""


def native_document() -> dict[str, Any]:
    """The OpenAPI document of the native interface."""
    runtime = Runtime()
    # Nobody asks this application anything, so no engine is behind it.
    keys = KeyCheck("-" * SHORTEST_KEY, runtime.clock)
    return api_app(cast(Engine, None), keys, runtime, __version__, FEATURES).openapi()


def native_text() -> str:
    """The same as a file."""
    return json.dumps(native_document(), indent=2, ensure_ascii=False) + "\n"


@cache
def references() -> tuple[Reference, ...]:
    """All of them: the native interface first, then each wire's, in the order of their names.

    Made once: an OpenAPI document is a tenth of a second in which its maker does nothing else.
    """
    found = {"native-openapi.json": (OPENAPI, native_text().encode())}
    for door in sorted(entry_points(group=DOORS), key=lambda one: one.name):
        found.update(_of_door(door))
    return tuple((name, media_type, content) for name, (media_type, content) in found.items())


def _of_door(door: EntryPoint) -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    package = door.module.rpartition(".")[0]
    if find_spec(f"{package}.openapi") is not None:
        described = import_module(f"{package}.openapi")
        found[f"{door.name}-openapi.json"] = (OPENAPI, described.text().encode())
        others: Mapping[str, str] = described.profiles() if hasattr(described, "profiles") else {}
        for profile, text in others.items():
            found[f"{door.name}-{profile}-openapi.json"] = (OPENAPI, text.encode())
    return found | _sheets(package)


def _sheets(package: str) -> dict[str, tuple[str, bytes]]:
    """The sheets of a wire's folder. Dialects of one wire share them: then they lie in the folder around theirs."""
    for folder in (package, package.rpartition(".")[0]):
        wire = folder.rpartition(".")[2].replace("_", "-")
        sheets = [file for file in resources.files(folder).iterdir() if file.name.startswith(SHEET)]
        if sheets:
            return {wire + file.name.removeprefix(SHEET).lower(): (MARKDOWN, file.read_bytes()) for file in sheets}
    return {}
