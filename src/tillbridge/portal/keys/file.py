"""What may be done with the file of keys: a new sealing key, an old one retired, and the file under a passphrase."""

import base64
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.vault import (
    FILE,
    KEY_BYTES,
    LARGEST_FILE,
    NONCE_BYTES,
    Keys,
    keys_in,
    locked,
    members_of,
    read_keys,
)
from tillbridge.runtime.data_folder import DataFolder, make

LEAST_PASSPHRASE: Final = 12
"""Characters. The file leaves the house and can be guessed at for years."""

_WHAT: Final = "tillbridge portal keys 1"
_SALT_BYTES: Final = 16
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
"""RFC 9106, section 4, second recommended choice."""


def rotate(folder: Path, *, prepare: bool = False) -> str:
    """Makes a new sealing key and seals with it from now on; its name.

    With `prepare` it is only made, so that the file can be brought to the portal's other computers first; the next
    rotation takes it then. `BridgeError(RECORD_CONFLICT)` where one is prepared already.
    """
    with locked(folder):
        keys = read_keys(folder)
        newest = list(keys.sealing)[-1]
        prepared = newest != keys.active
        if prepare and prepared:
            raise BridgeError(Code.RECORD_CONFLICT, f"{newest} is prepared: rotate to use it", place=newest)
        name = newest if prepared else f"s{int(newest[1:]) + 1}"
        sealing = keys.sealing if prepared else {**keys.sealing, name: secrets.token_bytes(KEY_BYTES)}
        _write(folder, replace(keys, sealing=sealing, active=keys.active if prepare else name))
    return name


def retire(folder: Path, name: str) -> None:
    """Takes an old sealing key out of the file. The caller has seen that nothing is sealed with it any more.

    `BridgeError`: RECORD_UNKNOWN; RECORD_CONFLICT for the key that seals, or one that is prepared.
    """
    with locked(folder):
        keys = read_keys(folder)
        if name not in keys.sealing:
            raise BridgeError(Code.RECORD_UNKNOWN, "there is no such key", place=name)
        names = list(keys.sealing)
        if names.index(name) >= names.index(keys.active):
            raise BridgeError(Code.RECORD_CONFLICT, "this key is in use, or will be", place=name)
        _write(folder, replace(keys, sealing={one: key for one, key in keys.sealing.items() if one != name}))


def export(folder: Path, passphrase: str) -> str:
    """The file under a passphrase, as a text. `BridgeError(FIELD_INVALID)` for one that is too short."""
    _check(passphrase)
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    plain = json.dumps(members_of(read_keys(folder))).encode()
    sealed = ChaCha20Poly1305(_derived(passphrase, salt)).encrypt(nonce, plain, _WHAT.encode())
    members = {"what": _WHAT, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)}
    return json.dumps(members, indent=1)


def import_keys(folder: Path, text: str, passphrase: str, place: str) -> None:
    """Puts exported keys into a folder. Keys that are there already are kept, if they belong to the same portal.

    `BridgeError`: FILE_UNREADABLE for a wrong passphrase or a file that is none; RECORD_CONFLICT where the folder has
    the keys of another portal.
    """
    found = _opened(text, passphrase, place)
    make(folder)
    with locked(folder):
        if DataFolder(folder).read(FILE, LARGEST_FILE) is not None:
            found = _joined(read_keys(folder), found, str(folder / FILE))
        _write(folder, found)


def _joined(here: Keys, found: Keys, place: str) -> Keys:
    """Both, where one is the other of before or after a rotation; the newer says which key seals."""
    same = here.authenticating == found.authenticating
    if not same or any(found.sealing[name] != key for name, key in here.sealing.items() if name in found.sealing):
        raise BridgeError(Code.RECORD_CONFLICT, "there are the keys of another portal: move them away", place=place)
    newer = max((here, found), key=lambda one: int(one.active[1:]))
    sealing = dict(sorted({**here.sealing, **found.sealing}.items(), key=lambda one: int(one[0][1:])))
    return replace(newer, sealing=sealing, signing={**here.signing, **found.signing})


def _opened(text: str, passphrase: str, place: str) -> Keys:
    try:
        match json.loads(text):
            case {"what": str(what), "salt": str(salt), "nonce": str(nonce), "sealed": str(sealed)} if what == _WHAT:
                cipher = ChaCha20Poly1305(_derived(passphrase, base64.b64decode(salt, validate=True)))
                plain = cipher.decrypt(
                    base64.b64decode(nonce, validate=True), base64.b64decode(sealed, validate=True), _WHAT.encode()
                )
                return keys_in(json.loads(plain))
    except (ValueError, InvalidTag):
        pass
    said = "these are no exported keys of a portal, or the passphrase is another one"
    raise BridgeError(Code.FILE_UNREADABLE, said, place=place)


def _write(folder: Path, keys: Keys) -> None:
    DataFolder(folder).write(FILE, json.dumps(members_of(keys), indent=1))


def _check(passphrase: str) -> None:
    if len(passphrase) < LEAST_PASSPHRASE:
        said = f"a passphrase has at least {LEAST_PASSPHRASE} characters"
        raise BridgeError(Code.FIELD_INVALID, said, place="passphrase")


def _derived(passphrase: str, salt: bytes) -> bytes:
    kdf = Argon2id(salt=salt, length=KEY_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return kdf.derive(passphrase.encode())


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
