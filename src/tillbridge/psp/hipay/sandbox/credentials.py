"""The credentials of the sandbox's one account: made at its first start, or taken from a file."""

import base64
import binascii
import hmac
import random
import string
from enum import Enum, auto
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import DataFolder

FILE: Final = "credentials.json"
LETTERS: Final = string.ascii_letters + string.digits
SECRET_LETTERS: Final = 24
ACCOUNT_DIGITS: Final = 8
LOGIN_TAIL: Final = ".stage-secure-gateway.hipay-tpp.com"
"""A login names its environment after the account's number, as those of the back office do."""

LONGEST_HEADER: Final = 1024
"""Characters of a Basic header that are looked at; ours takes about a hundred."""

_Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
_Login = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x39\x3b-\x7e]+$")]


class Pair(Enum):
    """Which of the account's two pairs somebody has shown."""

    PRIVATE = auto()
    PUBLIC = auto()


class Credentials(BaseModel):
    """What the back office of a real account would show.

    `hashkey` goes into an order's hash, `passphrase` into the signature of a notification. Printed anywhere, the secret
    ones are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    login: _Login
    password: Annotated[_Text, Field(repr=False)]
    public_login: _Login
    public_password: Annotated[_Text, Field(repr=False)]
    hashkey: Annotated[_Text, Field(repr=False)]
    passphrase: Annotated[_Text, Field(repr=False)]

    def pair(self, header: str | None) -> Pair | None:
        """Which pair a Basic header shows; None for anything else. Both are compared in constant time."""
        shown = _basic(header)
        private = hmac.compare_digest(shown, f"{self.login}:{self.password}".encode())
        public = hmac.compare_digest(shown, f"{self.public_login}:{self.public_password}".encode())
        if private:
            return Pair.PRIVATE
        return Pair.PUBLIC if public else None


def make(chance: random.Random) -> Credentials:
    """New ones."""
    account = "".join(chance.choices(string.digits, k=ACCOUNT_DIGITS))
    public = "".join(chance.choices(string.digits, k=ACCOUNT_DIGITS))
    return Credentials(
        login=f"{account}{LOGIN_TAIL}",
        password=f"Test_{_secret(chance)}",
        public_login=f"{public}{LOGIN_TAIL}",
        public_password=f"Test_{_secret(chance)}",
        hashkey=_secret(chance),
        passphrase=_secret(chance),
    )


def kept(folder: DataFolder, chance: random.Random) -> Credentials:
    """Those of this folder, made and written down if there are none yet."""
    text = folder.read(FILE)
    if text is not None:
        return read(text, str(folder.path / FILE))
    made = make(chance)
    folder.write(FILE, f"{made.model_dump_json(indent=2)}\n")
    return made


def read(text: str, place: str) -> Credentials:
    """Those of a file's text; `BridgeError(SETTINGS_INVALID)` naming the place and the field that is wrong."""
    try:
        return Credentials.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "the file"
        raise BridgeError(Code.SETTINGS_INVALID, f"{field}: {first['msg']}", place=place) from None


def _secret(chance: random.Random) -> str:
    return "".join(chance.choices(LETTERS, k=SECRET_LETTERS))


def _basic(header: str | None) -> bytes:
    scheme, _, shown = (header or "")[:LONGEST_HEADER].partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(shown.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
