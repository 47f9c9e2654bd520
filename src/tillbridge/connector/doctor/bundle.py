"""The support bundle: what a supporter needs to help, in one file, and nothing that is nobody's business.

docs/reference/doctor.md lists its members. Everything in it is masked first and searched afterwards; what is found then
stops the bundle, because whatever let it through may have let more through.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.connector.doctor.members import Member, members_of
from tillbridge.connector.doctor.report import ReportResource
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.searching import Secrets, members_found
from tillbridge.connector.doctor.secrets import known_secrets
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import write_durably

SUFFIX: Final = ".zip"


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle on the disk; `size` counts bytes."""

    path: Path
    size: int


def write_bundle(path: Path, scene: Scene, report: ReportResource, without: Sequence[str] = ()) -> Written:
    """Writes the bundle whole, readable by this user alone. `without` names members that are left out.

    `BridgeError`: BUNDLE_UNSAFE names the member that holds something that must not leave, and of which kind it is;
    FIELD_INVALID for a file of another kind or a member that does not exist; FOLDER_UNUSABLE where the disk refuses.
    """
    if path.suffix.lower() != SUFFIX:
        raise BridgeError(Code.FIELD_INVALID, f"the file's name must end in {SUFFIX}", place="--bundle")
    unknown = sorted(set(without) - set(Member))
    if unknown:
        known = ", ".join(Member)
        raise BridgeError(Code.FIELD_INVALID, f"{unknown[0][:40]!r} is not one of: {known}", place="--without")
    secrets = known_secrets(scene)
    left_out = frozenset(Member(one) for one in without)
    content = pack(members_of(scene, report, secrets, left_out), secrets, report)
    write_durably(path.absolute(), content)
    return Written(path.absolute(), len(content))


def pack(members: Sequence[tuple[str, bytes]], secrets: Secrets, report: ReportResource) -> bytes:
    """The members as one zip file, once nothing is found in them. `BridgeError(BUNDLE_UNSAFE)` else."""
    found = members_found(members, secrets)
    if found is not None:
        name, kind = found
        words = kind.replace("_", " ")
        raise BridgeError(Code.BUNDLE_UNSAFE, f"{name} holds what looks like a {words}", place=name)
    made = report.made_at.timetuple()[:6]
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, made), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()
