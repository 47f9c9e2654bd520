"""What a release says of itself: in the repository, and in the folder of each version that lies on this computer."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.updates.naming import version_of
from tillbridge.connector.updates.settings import RepositoryUrl
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded

RELEASE_FILE: Final = "release.json"
ROOT_FILE: Final = "root.json"
LATEST_FILE: Final = "latest.json"

LARGEST_PAGE: Final = 64 * 1024
"""Bytes of one of these files: each is a few hundred, a root with many keys some thousand."""

LARGEST_ARCHIVE: Final = 512 * 1024 * 1024
LARGEST_UNPACKED: Final = 2 * 1024 * 1024 * 1024
"""Bytes of a version, packed and unpacked: ten times what one has, and nothing that fills a disk by itself."""


def _is_version(text: str) -> str:
    if version_of(text) is None:
        raise ValueError("this is no version in its normal form")
    return text


VersionName = Annotated[str, AfterValidator(_is_version)]
Kind = Annotated[str, Field(pattern=r"^[a-z0-9]+-[a-z0-9_]+$", max_length=40)]


class _Page(BaseModel):
    # A later release may say more: what is not known here is passed over, so that it can still be updated to.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Latest(_Page):
    """The newest version of a channel for one kind of computer, as a target of the repository (`LATEST_FILE`).

    `archive` is the path of another target; `unpacked` is the sum of its files in bytes.
    """

    version: VersionName
    kind: Kind
    archive: Annotated[str, Field(pattern=r"^[a-z0-9_-]+/[a-z0-9_-]+/[A-Za-z0-9._-]+$", max_length=300)]
    unpacked: Annotated[int, Field(ge=1, le=LARGEST_UNPACKED)]


class Shipped(_Page):
    """What a version's folder says of itself (`RELEASE_FILE`), beside the root that it trusts (`ROOT_FILE`)."""

    version: VersionName
    kind: Kind
    url: RepositoryUrl | None = None


def latest_path(channel: str, kind: str) -> str:
    """The target that names the newest version."""
    return f"{channel}/{kind}/{LATEST_FILE}"


def archive_path(channel: str, kind: str, version: str) -> str:
    """The target that holds a version."""
    return f"{channel}/{kind}/tillbridge-{version}-{kind}.tar.xz"


def read_latest(path: Path, kind: str) -> Latest:
    """The target, already proven to be signed. `BridgeError(UPDATE_UNTRUSTED)` where it is none for this computer."""
    try:
        latest = Latest.model_validate_json(read_bounded(path, LARGEST_PAGE) or b"")
    except ValidationError:
        raise BridgeError(Code.UPDATE_UNTRUSTED, "the update server's signed list cannot be understood") from None
    if latest.kind != kind:
        raise BridgeError(Code.UPDATE_UNTRUSTED, f"the update server offers a version for {latest.kind}, not {kind}")
    return latest


def read_shipped(folder: Path) -> Shipped | None:
    """What the version in this folder says of itself; None where it says nothing that can be read."""
    try:
        return Shipped.model_validate_json(read_bounded(folder / RELEASE_FILE, LARGEST_PAGE) or b"")
    except (OSError, ValidationError):
        return None


def read_root(folder: Path) -> bytes | None:
    """The root metadata that came with the version in this folder: where all trust begins."""
    try:
        return read_bounded(folder / ROOT_FILE, LARGEST_PAGE)
    except OSError:
        return None
