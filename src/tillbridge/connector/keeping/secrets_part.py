"""The secrets of a connector, taken from where this computer keeps them and given to where another one does.

On the disk each of them is sealed to one computer. In a backup they stand together, and the backup itself is sealed.
"""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.keeping.contents import VOUCHERS
from tillbridge.connector.portal.keystore import Kept, Keystore
from tillbridge.connector.vouchers.schema import connect
from tillbridge.connector.vouchers.seal import opened_key, seal_anew
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.base64url import AsBase64Url
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sealed_secrets import SECRETS_FILE, SealedSecrets
from tillbridge.runtime.sealing import NoSealingKey
from tillbridge.runtime.sqlite import connect_reading

BEFORE_ALL: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Secrets(BaseModel):
    """What is secret. `repr` shows none of it.

    `passwords` are those that the settings name, `link` what is kept of the connection with the portal, `voucher_key`
    the one that PINs in the vouchers' journal are sealed with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    passwords: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    link: Annotated[dict[str, Any] | None, Field(repr=False)] = None
    voucher_key: Annotated[AsBase64Url | None, Field(repr=False)] = None

    def __str__(self) -> str:
        return "<redacted>"


def take(folder: Path, settings: Path | None, vouchers: Path | None, runtime: Runtime, missed: list[str]) -> Secrets:
    """All of them. `missed` gets a sentence for each that this computer does not open any more."""
    return Secrets(
        passwords={} if settings is None else _passwords(settings.parent, missed),
        link=_link(folder, runtime, missed),
        voucher_key=None if vouchers is None else _voucher_key(vouchers, folder),
    )


def read(content: bytes) -> Secrets:
    """The part of a backup; `ValueError` where it is none. The message never has a secret in it."""
    try:
        return Secrets.model_validate_json(content)
    except ValidationError:
        raise ValueError("the secrets in it are of another version of the program") from None


def has_link(secrets: Secrets) -> bool:
    """Whether there is a connection with the portal that still held when it was backed up."""
    link = None if secrets.link is None else Kept.model_validate_json(json.dumps(secrets.link)).link
    return link is not None and not link.ended


async def give(secrets: Secrets, staging: Path, runtime: Runtime, *, with_link: bool) -> None:
    """Seals them anew, into the folder where the restored files wait. `BridgeError` where this computer cannot."""
    store = SealedSecrets(staging)
    for name, secret in secrets.passwords.items():
        store.keep(name, secret)
    if with_link and secrets.link is not None:
        kept = Kept.model_validate_json(json.dumps(secrets.link))
        await Keystore(staging, runtime).change(lambda _: _to_be_renewed(kept))
    if secrets.voucher_key is not None:
        try:
            with closing(connect(staging / VOUCHERS)) as connection:
                seal_anew(connection, staging, secrets.voucher_key, runtime.chance.randbytes, os.environ)
        except (OSError, sqlite3.Error, NoSealingKey) as error:
            raise BridgeError(
                Code.FOLDER_UNUSABLE, f"no key for PINs can be kept: {error}", place=str(staging)
            ) from None


def _to_be_renewed(kept: Kept) -> Kept:
    """The link with a key so old that it is exchanged at the first contact.

    After that the computer that was backed up is locked out, if it still runs. An exchange that it had under way is its
    own, and is not repeated here.
    """
    if kept.link is None:
        return kept
    link = kept.link.model_copy(update={"rotated_at": BEFORE_ALL})
    return kept.model_copy(update={"link": link, "rotation": None})


def _passwords(folder: Path, missed: list[str]) -> dict[str, str]:
    if not (folder / SECRETS_FILE).exists():
        return {}
    store = SealedSecrets(folder)
    try:
        return {name: store.reveal(name) for name in store.names()}
    except BridgeError as error:
        missed.append(f"The stored passwords are not in it: {error}")
        return {}


def _link(folder: Path, runtime: Runtime, missed: list[str]) -> dict[str, Any] | None:
    keystore = Keystore(folder, runtime)
    keystore.load()
    if keystore.fault is not None:
        missed.append(f"The connection with the portal is not in it: {keystore.fault}")
        return None
    kept = keystore.kept
    return None if kept is None else dict(json.loads(kept.model_dump_json()))


def _voucher_key(snapshot: Path, folder: Path) -> bytes | None:
    with closing(connect_reading(snapshot)) as connection:
        return opened_key(connection, folder, os.environ)
