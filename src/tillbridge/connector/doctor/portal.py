"""The link to the portal: what `tillbridge connector link doctor` looks at, asked of who has the keystore."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tillbridge
from tillbridge.connector.doctor.findings import Finding, Saw, unknown
from tillbridge.connector.doctor.findings import Part as Looked
from tillbridge.connector.doctor.scene import NotAnswered, Scene
from tillbridge.connector.portal.checks import Check, Part, Verdict
from tillbridge.connector.portal.desk import KEYSTORE_FILE, open_portal

_SAW: Final[Mapping[Verdict, Saw]] = {
    Verdict.OK: Saw.PORTAL_WELL,
    Verdict.CARE: Saw.PORTAL_CARE,
    Verdict.WRONG: Saw.PORTAL_WRONG,
    Verdict.UNKNOWN: Saw.PORTAL_UNSEEN,
}


async def look_at_link(scene: Scene) -> Sequence[Finding]:
    """Every part of the link. A location that was never paired lacks nothing."""
    if scene.settings is None:
        return []
    if not (scene.settings.data / KEYSTORE_FILE).is_file():
        return [unknown(Looked.PORTAL, Saw.PORTAL_NONE)]
    if scene.daemon is not None:
        return await _asked(scene)
    if not scene.owned:
        return []
    async with open_portal(scene.settings.portal, scene.settings.data, scene.runtime, tillbridge.__version__) as desk:
        return [_told(check) for check in await desk.examine()]


async def _asked(scene: Scene) -> list[Finding]:
    if scene.daemon is None:
        return []
    try:
        said: Any = await scene.daemon.get("v1/portal/checks")
        checks = [_read(one) for one in said["checks"]]
    except (NotAnswered, KeyError, TypeError, ValueError) as error:
        return [unknown(Looked.PORTAL, Saw.LOOK_FAILED, detail=str(error))]
    return [_told(check) for check in checks]


def _read(said: Mapping[str, Any]) -> Check:
    remedy, code = said.get("remedy") or "", said.get("code")
    return Check(Part(said["part"]), Verdict(said["verdict"]), said["found"], remedy, code)


def _told(check: Check) -> Finding:
    facts = {"detail": check.found, "remedy": check.remedy}
    return Finding(Looked.PORTAL, check.verdict, _SAW[check.verdict], check.part, facts, code=check.code)
