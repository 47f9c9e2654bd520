"""What is known of a provider: one TOML file for each, read whole or not at all.

docs/reference/voucher-providers.md, section 2.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from yarl import URL

from tillbridge.domain.money import BY_CODE

CONNECT_SECONDS: Final = 2.0
"""For the name, the connection and its TLS: a cashier waits, and nothing is sent yet."""

ANSWER_SECONDS: Final = 8.0
"""For the answer: longer than a provider needs to book, shorter than a queue of customers bears."""

LARGEST_FILE: Final = 64 * 1024
LONGEST_NUMBER: Final = 32

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class PinRule(StrEnum):
    """Whether a redemption needs a PIN there."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class AdapterName(StrEnum):
    """How a provider is spoken to."""

    REST_FORM = "rest-form"


class KeyPlace(StrEnum):
    """Where this location's key stands in a request. `QUERY` is for servers that know nothing else."""

    HEADER = "header"
    QUERY = "query"


def checked_base(text: str) -> str:
    """An address without its last slash; `ValueError` for one that a key must not be sent to."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("it must be an address such as https://vouchers.example")
    if url.scheme == "http" and url.host not in _LOOPBACK:
        raise ValueError("it must begin with https://: without TLS only this computer itself is reached")
    if url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise ValueError("it must hold no login, no ? and no #")
    return text.rstrip("/")


def _known_currency(code: str) -> str:
    if code not in BY_CODE:
        raise ValueError(f"{code} is no currency that is known here")
    return code


Prefix = Annotated[str, Field(pattern=r"^[0-9]{2}$")]
ProviderName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Timeouts(_Part):
    """Seconds; neither may be longer than what a cashier bears."""

    connect: Annotated[float, Field(gt=0, le=10)] = CONNECT_SECONDS
    answer: Annotated[float, Field(gt=0, le=30)] = ANSWER_SECONDS


class Profile(_Part):
    """A provider as its profile has it.

    `prefix` are the two digits that a code of its begins with; with `prefix_in_number` they are part of its number and
    sent with it, without it the cashier puts them in front. A number has `number_digits`, and a code that carries its
    PIN `pin_digits` more. `partial`: less than the balance may be taken. `reverse`: what was taken can be given back.
    `idempotent_reference`: a redemption that comes twice with the same `reference_number` is carried out once.
    """

    name: ProviderName
    prefix: Prefix
    adapter: AdapterName
    base_url: Annotated[str, Field(max_length=500), AfterValidator(checked_base)]
    currency: Annotated[str, AfterValidator(_known_currency)] = "EUR"
    number_digits: Annotated[int, Field(ge=6, le=LONGEST_NUMBER)] = 14
    pin_digits: Annotated[int, Field(ge=0, le=12)] = 4
    prefix_in_number: bool = True
    pin: PinRule = PinRule.REQUIRED
    partial: bool = False
    reverse: bool = False
    idempotent_reference: bool = False
    key_in: KeyPlace = KeyPlace.HEADER
    timeout: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with this location's key. Its text shows no key."""

    profile: Profile
    key: SecretStr

    @property
    def prefix(self) -> str:
        """The two digits that select it."""
        return self.profile.prefix

    @property
    def name(self) -> str:
        """As the cashier reads it."""
        return self.profile.name

    @property
    def place(self) -> str:
        """What an action of its belongs to: under the same prefix somebody else may be asked one day."""
        return f"provider {self.prefix} {self.profile.base_url}"


class ProfileInvalid(Exception):
    """A profile that cannot be used; says why, and where."""


def shipped() -> tuple[str, ...]:
    """The names of the profiles that come with the program."""
    found = (one.name for one in files(f"{__package__}.profiles").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def read_profile(name: str, folder: Path, /, **own: str | None) -> Profile:
    """The profile of this name, or in this file, a relative path from `folder`; `own` counts in place of its fields.

    `ProfileInvalid` with everything that is wrong.
    """
    said = {field: value for field, value in own.items() if value is not None}
    try:
        return Profile.model_validate({**tomllib.loads(_text(name, folder)), **said})
    except tomllib.TOMLDecodeError as error:
        raise ProfileInvalid(f"the profile {name} is no TOML: {error}") from None
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise ProfileInvalid(f"the profile {name}: {'; '.join(wrong)}") from None


def _text(name: str, folder: Path) -> str:
    if name in shipped():
        return (files(f"{__package__}.profiles") / f"{name}.toml").read_text(encoding="utf-8")
    path = folder / Path(name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ProfileInvalid(f"the profile {path} is larger than {LARGEST_FILE} bytes")
        return content.decode("utf-8")
    except OSError as error:
        known = ", ".join(shipped())
        raise ProfileInvalid(f"the profile {path} cannot be read: {error.strerror}; shipped are {known}") from None
    except UnicodeDecodeError:
        raise ProfileInvalid(f"the profile {path} is not UTF-8 text") from None
