"""`tillbridge release`: what it does."""

import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

import typer
from pydantic import TypeAdapter, ValidationError

from tillbridge.cli.releasing_options import ChannelName, InstallerSystem, RoleChoice
from tillbridge.connector.publishing.building import build
from tillbridge.connector.publishing.debian_package import make_debian_package
from tillbridge.connector.publishing.installing import make_installer
from tillbridge.connector.publishing.keys import ONLINE, RoleKey, RoleName, make_key, open_keys, refuse
from tillbridge.connector.publishing.packing import read_packed
from tillbridge.connector.publishing.repository import Repository
from tillbridge.connector.updates.settings import RepositoryUrl
from tillbridge.runtime.durable import read_bounded
from tillbridge.runtime.effects import Runtime

LARGEST_PASSPHRASE: Final = 1024
"""Bytes of a passphrase's file."""

_VARIABLES: Final = {False: "TILLBRIDGE_RELEASE_PASSPHRASE", True: "TILLBRIDGE_ROOT_PASSPHRASE"}


@dataclass(frozen=True, slots=True)
class Passphrases:
    """Where passphrases come from: a file, the environment, or whoever sits here; never the command line."""

    online_file: Path | None = None
    root_file: Path | None = None
    new: bool = False

    def online(self) -> str:
        """That of the keys that sign every day."""
        return self._take(self.online_file, root=False)

    def root(self) -> str:
        """That of the root's keys."""
        return self._take(self.root_file, root=True)

    def _take(self, file: Path | None, *, root: bool) -> str:
        if file is not None:
            return _first_line(file)
        found = os.environ.get(_VARIABLES[root])
        if found:
            return found
        asked = "Passphrase of the root keys" if root else "Passphrase of the signing keys"
        return str(typer.prompt(asked, hide_input=True, confirmation_prompt=self.new, err=True))


def make_keys(
    repository: Path, keys: Path, root_keys: Path, passphrases: Passphrases, count: int, threshold: int
) -> None:
    """New keys, and the repository that trusts them."""
    if threshold > count:
        raise refuse(f"{threshold} of {count} root keys cannot sign")
    for folder in (keys, root_keys):
        if any(folder.glob("*.key")):
            raise refuse("there are keys already", str(folder))
    root_passphrase, passphrase = passphrases.root(), passphrases.online()
    if root_passphrase == passphrase:
        raise refuse(
            "the root keys need a passphrase of their own: they are for the day on which the others are stolen"
        )
    made = [make_key(root_keys, RoleName.ROOT, root_passphrase, secrets.token_bytes) for _ in range(count)]
    made += [make_key(keys, role, passphrase, secrets.token_bytes) for role in ONLINE]
    _repository(repository).create(made, {RoleName.ROOT: threshold})
    _say(f"The repository in {repository} trusts {count} root key(s) in {root_keys} and the keys in {keys}.")
    _say("Put the root keys in a safe, and a copy in another one. Without them no key can ever be replaced.")


def rotate(
    repository: Path, role: RoleChoice, folders: tuple[Path, Path, Path], passphrases: Passphrases, count: int
) -> None:
    """New keys for one role."""
    keys, root_keys, new_keys = folders
    name = RoleName(role)
    root = _open(root_keys, [RoleName.ROOT], passphrases.root())
    passphrase = passphrases.online()
    others = _open(keys, [one for one in ONLINE if one is not name], passphrase)
    sealed = passphrases.root() if name is RoleName.ROOT else passphrase
    made = [make_key(new_keys, name, sealed, secrets.token_bytes) for _ in range(count)]
    _repository(repository).rotate(name, root, made, others)
    _say(f"{name} is signed by the keys in {new_keys} from now on. The old ones are worth nothing: delete them.")


def build_archive(repository: Path, output: Path, url: str | None) -> None:
    """The archive of this version."""
    if url is not None:
        try:
            TypeAdapter(RepositoryUrl).validate_python(url)
        except ValidationError:
            raise refuse("it must be http(s)://HOST/PATH without a name, a password or a query", "--url") from None
    archive = build(output, _repository(repository).trusted_root(), url)
    _say(f"{archive} ({archive.stat().st_size >> 20} MiB)")


def publish(archive: Path, repository: Path, keys: Path, channel: ChannelName, passphrases: Passphrases) -> None:
    """Signs and offers."""
    packed = read_packed(archive)
    place = _repository(repository)
    if not place.knows_root(packed.root):
        raise refuse("it trusts another repository, and could never be updated from this one", str(archive))
    signing = _open(keys, ONLINE, passphrases.online())
    place.publish(archive, packed.latest(channel), channel, signing)
    _say(f"{channel} offers version {packed.shipped.version} for {packed.shipped.kind} from now on.")


def refresh(repository: Path, keys: Path, passphrases: Passphrases) -> None:
    """A new timestamp."""
    until = _repository(repository).refresh(_open(keys, ONLINE, passphrases.online()))
    _say(f"The timestamp is good until {until:%Y-%m-%d %H:%M} UTC.")


def make(archive: Path, system: InstallerSystem, output: Path, setup_program: Path | None) -> None:
    """What a shop is given."""
    match system:
        case InstallerSystem.DEB:
            made = make_debian_package(archive, output)
        case InstallerSystem.LINUX | InstallerSystem.WINDOWS:
            made = make_installer(archive, output, str(system), setup_program)
        case _:
            assert_never(system)
    _say(f"{made} ({made.stat().st_size >> 20} MiB)")


def _repository(folder: Path) -> Repository:
    return Repository(folder, Runtime().clock.now())


def _open(folder: Path, roles: Sequence[RoleName], passphrase: str) -> list[RoleKey]:
    return open_keys(folder, roles, passphrase)


def _first_line(file: Path) -> str:
    try:
        content = read_bounded(file, LARGEST_PASSPHRASE)
        lines = (content or b"").decode().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    if not lines or not lines[0]:
        raise refuse("there is no passphrase in the first line of this file", str(file))
    return lines[0]


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
