"""A look into the signed repository: The Update Framework's client (TUF specification 1.0, "Detailed client workflow").

All trust begins with the root that came with the installed version. What was trusted once is kept in
`updates/metadata`, so that a server can never show something older again. docs/reference/updates.md lists the attacks
and what stands against each.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import (  # type: ignore[attr-defined]  # the module re-exports them, as its docstring says
    Metadata,
    TargetFile,
    Timestamp,
)
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from tillbridge.connector.updates.fetching import LoopFetcher
from tillbridge.connector.updates.layout import DOWNLOADS
from tillbridge.connector.updates.release import (
    LARGEST_ARCHIVE,
    LARGEST_PAGE,
    LATEST_FILE,
    Latest,
    latest_path,
    read_latest,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import flush_folder

METADATA: Final = "metadata"
TARGETS: Final = "targets"

SIGNED_AT: Final = "x-tillbridge-signed-at"
"""Our own field of the timestamp role: when it was signed, in seconds since 1970. The specification lets a repository
add fields; this one says what an expiry does not: a moment that has certainly passed."""

_LIMITS: Final = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=256 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=64 * 1024,
    targets_max_length=4 * 1024 * 1024,
)
"""A root a year is many; the other sizes are ten times what a repository of ours reaches in years."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest version that the repository has for this computer, proven to be signed."""

    latest: Latest
    archive: TargetFile


class SignedRepository:
    """One look. Works in a thread, blocking. Every method raises `BridgeError`; `moment` is what counts as now."""

    def __init__(self, folder: Path, root: bytes, url: str, fetcher: LoopFetcher, moment: datetime) -> None:
        self._folder = folder
        self._metadata = folder / METADATA
        self._downloads = folder / DOWNLOADS
        base = url.rstrip("/")
        with _told():
            self._metadata.mkdir(parents=True, exist_ok=True)
            self._downloads.mkdir(parents=True, exist_ok=True)
            self._client = Updater(
                str(self._metadata),
                f"{base}/{METADATA}/",
                str(self._downloads),
                f"{base}/{TARGETS}/",
                fetcher,
                _LIMITS,
                bootstrap=root,
            )
        # The client reads the computer's clock; ours has a floor that a clock set back does not lower.
        self._client._trusted_set.reference_time = moment  # noqa: SLF001  # the library offers no other way

    def look(self, channel: str, kind: str) -> Found | None:
        """The newest version; None where the repository has none for this computer."""
        with _told():
            self._client.refresh()
            self._flush()
            target = self._client.get_targetinfo(latest_path(channel, kind))
            if target is None:
                return None
            if target.length > LARGEST_PAGE:
                raise BridgeError(Code.UPDATE_UNTRUSTED, "the update server's signed list is too large")
            latest = read_latest(Path(self._client.download_target(target, str(self._downloads / LATEST_FILE))), kind)
            archive = self._client.get_targetinfo(latest.archive)
        if archive is None:
            raise BridgeError(Code.UPDATE_UNTRUSTED, f"the update server names version {latest.version} and has none")
        if archive.length > LARGEST_ARCHIVE:
            raise BridgeError(Code.UPDATE_UNTRUSTED, f"version {latest.version} is larger than any version may be")
        return Found(latest, archive)

    def download(self, found: Found) -> Path:
        """The archive, whole and proven."""
        with _told():
            path = self._downloads / f"{found.latest.version}.tar.xz"
            known = self._client.find_cached_target(found.archive, str(path))
            return Path(known or self._client.download_target(found.archive, str(path)))

    def signed_at(self) -> datetime | None:
        """When the trusted timestamp was signed: a moment that has passed. None where the repository does not say."""
        with _told():
            timestamp = Metadata[Timestamp].from_file(str(self._metadata / "timestamp.json")).signed
        seconds = timestamp.unrecognized_fields.get(SIGNED_AT)
        if not isinstance(seconds, int):
            return None
        # Nothing is signed after it has run out; a number that no calendar has is not believed either.
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= timestamp.expires.timestamp() else None

    def _flush(self) -> None:
        # The client replaces its files whole but does not flush them: a power cut could bring back an older one, or an
        # empty one, and with it the room for a rollback.
        for path in self._metadata.rglob("*.json"):
            handle = os.open(path, os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        flush_folder(self._metadata)


def known_root(folder: Path) -> int:
    """The version of the newest root that was ever trusted here; 0 where there is none."""
    names = [path.name.removesuffix(".root.json") for path in (folder / METADATA / "root_history").glob("*.root.json")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


@contextmanager
def _told() -> Iterator[None]:
    """The client's errors in our words, with what is true about each."""
    try:
        yield
    except DownloadHTTPError as error:
        raise BridgeError(Code.UPDATE_UNREACHABLE, f"the update server answered {error.status_code}") from error
    except DownloadLengthMismatchError as error:
        raise BridgeError(Code.UPDATE_UNTRUSTED, "the update server sent more than was signed for") from error
    except DownloadError as error:
        raise BridgeError(Code.UPDATE_UNREACHABLE, "the update server could not be reached") from error
    except ExpiredMetadataError as error:
        said = "the update server shows a list that has run out: it is held back, or this computer's clock is ahead"
        raise BridgeError(Code.UPDATE_UNTRUSTED, said) from error
    except RepositoryError as error:
        said = f"what the update server sent does not bear the right signatures ({type(error).__name__})"
        raise BridgeError(Code.UPDATE_UNTRUSTED, said) from error
    except OSError as error:
        raise BridgeError(Code.UPDATE_FAILED, f"the disk refused: {error.strerror or type(error).__name__}") from error
