"""The signed repository as it lies in a folder, to be served by any web server.

Files are written in the order in which a client may come to rely on them, the timestamp last: a publication that is
cut off anywhere leaves the repository as it was. Names follow "consistent snapshots" of the TUF specification, so that
a client that reads while we write sees one state or the other.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from filelock import FileLock, Timeout
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # the module re-exports them, as its docstring says
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tillbridge.connector.publishing.keys import RoleKey, RoleName, refuse
from tillbridge.connector.updates.naming import newer
from tillbridge.connector.updates.release import LARGEST_ARCHIVE, Latest, latest_path
from tillbridge.connector.updates.repository import METADATA, SIGNED_AT, TARGETS
from tillbridge.runtime.durable import flush_folder

ROOT_DAYS: Final = 730
TARGETS_DAYS: Final = 365
SNAPSHOT_DAYS: Final = 365
TIMESTAMP_DAYS: Final = 7
"""Days until each runs out. The timestamp's is how long somebody can hold a shop at an old state before it is noticed;
`release refresh` once a day renews it. The others are signed anew long before, with every release."""

_DAYS: Final = {
    RoleName.ROOT: ROOT_DAYS,
    RoleName.TARGETS: TARGETS_DAYS,
    RoleName.SNAPSHOT: SNAPSHOT_DAYS,
    RoleName.TIMESTAMP: TIMESTAMP_DAYS,
}

LOCK_SECONDS: Final = 5.0
"""For another publisher in the same folder, who needs a second."""

LOCK_FILE: Final = ".publishing.lock"
FOR_EVERYBODY: Final = 0o644

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


@dataclass(slots=True)
class _Books:
    """The four roles as they are trusted at present."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]


class Repository:
    """A folder with `metadata/` and `targets/`. Every method raises `BridgeError(RELEASE_REFUSED)`."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._metadata = folder / METADATA
        self._now = now.replace(microsecond=0)

    # ------------------------------------------------------------ what a publisher does

    def create(self, keys: Sequence[RoleKey], thresholds: dict[RoleName, int] | None = None) -> None:
        """A new, empty repository that trusts these keys."""
        if self._root_versions():
            raise refuse("there is a repository already", str(self._folder))
        with self._alone():
            root = Root(expires=self._expiry(RoleName.ROOT), consistent_snapshot=True)
            for key in keys:
                root.add_key(key.public, key.role)
            for role in RoleName:
                self._set_threshold(root.roles[role], role, (thresholds or {}).get(role, 1))
            targets, snapshot = Targets(), Snapshot()
            books = _Books(Metadata(root), Metadata(targets), Metadata(snapshot), Metadata(Timestamp()))
            self._sign(books.root, RoleName.ROOT, root, keys)
            self._write("1.root.json", books.root)
            self._write_online(books, keys, first=True)

    def publish(self, archive: Path, latest: Latest, channel: str, keys: Sequence[RoleKey]) -> None:
        """Offers this archive as the newest version of a channel. Never one that is not newer than the one before."""
        if archive.stat().st_size > LARGEST_ARCHIVE:
            raise refuse(f"it is larger than {LARGEST_ARCHIVE >> 20} MiB, and no connector would take it", str(archive))
        with self._alone():
            books = self._books()
            signed = books.targets.signed
            page = latest_path(channel, latest.kind)
            before = self._latest(signed, page)
            if before is not None and not newer(latest.version, before.version):
                said = f"version {latest.version} is not newer than {before.version}, which {channel} offers already"
                raise refuse(said, str(archive))
            self._add(signed, latest.archive, archive)
            with tempfile.TemporaryDirectory() as folder:
                written = Path(folder) / "latest.json"
                written.write_text(latest.model_dump_json() + "\n", encoding="utf-8")
                self._add(signed, page, written)
            signed.version += 1
            self._write_online(books, keys, changed=True)

    def refresh(self, keys: Sequence[RoleKey]) -> datetime:
        """A new timestamp, and whatever of the rest runs out soon or bears an old key. When the timestamp runs out."""
        with self._alone():
            books = self._books()
            self._write_online(books, keys)
            return books.timestamp.signed.expires

    def rotate(self, role: RoleName, old: Sequence[RoleKey], new: Sequence[RoleKey], others: Sequence[RoleKey]) -> None:
        """Replaces the keys of a role. `old` are root keys that are trusted now; `others` sign what has to be anew.

        With new keys for timestamp and snapshot a client forgets the versions that the old keys signed, which is how a
        thief's version numbers without end are got rid of (specification, 5.3.11).
        """
        with self._alone():
            books = self._books()
            root = books.root.signed
            before = deepcopy(root)
            for keyid in list(root.roles[role].keyids):
                root.revoke_key(keyid, role)
            for key in new:
                root.add_key(key.public, role)
            self._set_threshold(root.roles[role], role, min(root.roles[role].threshold, len(new)))
            root.version += 1
            root.expires = self._expiry(RoleName.ROOT)
            signing = [*old, *(new if role is RoleName.ROOT else ())]
            self._sign(books.root, RoleName.ROOT, before, signing)
            self._check(books.root, RoleName.ROOT, root)
            self._write(f"{root.version}.root.json", books.root)
            self._write_online(books, [*others, *new])

    def trusted_root(self) -> bytes:
        """The newest root metadata: what a package is shipped with."""
        versions = self._root_versions()
        if not versions:
            raise refuse("there is no repository here: `tillbridge release keys` makes one", str(self._folder))
        return (self._metadata / f"{versions[-1]}.root.json").read_bytes()

    def knows_root(self, root: bytes) -> bool:
        """Whether this was ever a root of this repository: a package with another one could never be updated."""
        return any((self._metadata / f"{number}.root.json").read_bytes() == root for number in self._root_versions())

    # ------------------------------------------------------------ signing

    def _write_online(
        self, books: _Books, keys: Sequence[RoleKey], *, first: bool = False, changed: bool = False
    ) -> None:
        """Targets, snapshot and timestamp, each written only when what it names is there."""
        root = books.root.signed
        if first or changed or self._stale(books.targets, RoleName.TARGETS, root):
            books.targets.signed.version += 0 if first or changed else 1
            self._resign(books.targets, RoleName.TARGETS, root, keys)
            books.snapshot.signed.meta["targets.json"] = MetaFile(version=books.targets.signed.version)
            changed = not first
        if first or changed or self._stale(books.snapshot, RoleName.SNAPSHOT, root):
            books.snapshot.signed.version += 0 if first else 1
            self._resign(books.snapshot, RoleName.SNAPSHOT, root, keys)
        timestamp = books.timestamp.signed
        timestamp.snapshot_meta = MetaFile(version=books.snapshot.signed.version)
        timestamp.version += 0 if first else 1
        timestamp.unrecognized_fields[SIGNED_AT] = int(self._now.timestamp())
        self._resign(books.timestamp, RoleName.TIMESTAMP, root, keys)

    def _resign(self, metadata: Metadata[S], role: RoleName, root: Root, keys: Sequence[RoleKey]) -> None:
        metadata.signed.expires = self._expiry(role)
        self._sign(metadata, role, root, keys)
        name = f"{role}.json" if role is RoleName.TIMESTAMP else f"{metadata.signed.version}.{role}.json"
        self._write(name, metadata)

    def _sign(self, metadata: Metadata[S], role: RoleName, root: Root, keys: Iterable[RoleKey]) -> None:
        metadata.signatures.clear()
        for key in keys:
            if key.role is role:
                metadata.sign(key.signer, append=True)
        self._check(metadata, role, root)

    def _check(self, metadata: Metadata[S], role: RoleName, root: Root) -> None:
        try:
            root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except RepositoryError:
            needed = root.roles[role].threshold
            raise refuse(f"{needed} trusted key(s) must sign {role}, and fewer were given") from None

    def _stale(self, metadata: Metadata[S], role: RoleName, root: Root) -> bool:
        """Half of its time is over, or its keys are not trusted any more."""
        try:
            root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except RepositoryError:
            return True
        return metadata.signed.expires - self._now < timedelta(days=_DAYS[role] / 2)

    def _set_threshold(self, role: Role, name: RoleName, threshold: int) -> None:
        if not 1 <= threshold <= len(role.keyids):
            raise refuse(f"{threshold} of {len(role.keyids)} keys cannot sign {name}")
        role.threshold = threshold

    def _expiry(self, role: RoleName) -> datetime:
        return self._now + timedelta(days=_DAYS[role])

    # ------------------------------------------------------------ the folder

    def _books(self) -> _Books:
        """As a client finds them, from the timestamp on: what a cut-off publication left does not count."""
        try:
            root = Metadata[Root].from_bytes(self.trusted_root())
            timestamp = Metadata[Timestamp].from_bytes((self._metadata / "timestamp.json").read_bytes())
            number = timestamp.signed.snapshot_meta.version
            snapshot = Metadata[Snapshot].from_bytes((self._metadata / f"{number}.snapshot.json").read_bytes())
            number = snapshot.signed.meta["targets.json"].version
            targets = Metadata[Targets].from_bytes((self._metadata / f"{number}.targets.json").read_bytes())
        except (OSError, RepositoryError, KeyError) as error:
            raise refuse(f"the repository cannot be read ({type(error).__name__})", str(self._folder)) from error
        return _Books(root, targets, snapshot, timestamp)

    def _latest(self, signed: Targets, page: str) -> Latest | None:
        found = signed.targets.get(page)
        if found is None:
            return None
        return Latest.model_validate_json((self._folder / TARGETS / found.get_prefixed_paths()[0]).read_bytes())

    def _add(self, signed: Targets, path: str, file: Path) -> None:
        target = TargetFile.from_file(path, str(file), ["sha256"])
        (prefixed,) = target.get_prefixed_paths()
        place = self._folder / TARGETS / prefixed
        place.parent.mkdir(parents=True, exist_ok=True)
        with _whole(place) as written, file.open("rb") as source:
            shutil.copyfileobj(source, written)
        signed.targets[path] = target

    def _write(self, name: str, metadata: Metadata[Any]) -> None:
        self._metadata.mkdir(parents=True, exist_ok=True)
        with _whole(self._metadata / name) as written:
            written.write(metadata.to_bytes())

    def _root_versions(self) -> list[int]:
        names = [path.name.removesuffix(".root.json") for path in self._metadata.glob("*.root.json")]
        return sorted(int(name) for name in names if name.isdecimal())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / LOCK_FILE, timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise refuse("somebody else publishes here at this moment", str(self._folder)) from None


@contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """A file that everybody may read, whole or not there."""
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).chmod(FOR_EVERYBODY)
    Path(file.name).replace(path)
    flush_folder(path.parent)
