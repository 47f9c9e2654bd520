"""What a person may set for a touch-screen terminal, on either side. Reasons: README, section 6."""

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from tillbridge.domain.money import BY_CODE
from tillbridge.transports.allow import BindHost, Networks, check_exposure

DEFAULT_PORT: Final = 33350
MAX_SEARCHED: Final = 256
"""Addresses that are looked at in one search: a usual local network; more would be a scan of somebody else's."""

PATIENCE: Final = 180.0
"""Seconds for which a door keeps a till waiting for an outcome that is in doubt: tills give up about then."""

CONFIRM_SECONDS: Final = 30.0
"""When a simulated terminal takes back what its till does not confirm. No real figure is known."""

_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}", re.ASCII)

Host = Annotated[str, Field(min_length=1, max_length=253, pattern=f"^(?:{_HOST.pattern})$")]


class DriverSettings(BaseModel):
    """A touch-screen terminal at `host`:`port` on the local network.

    `port` and `secret` (the password) are those of the profile unless given. `profile` is a file with other facts about
    the wire, for example of another maker. `currencies` are ISO 4217 codes, None leaves it to the terminal; `currency`
    is the one in which its closing totals are where it does not say. `terminal_id` is the number that the terminal
    must prove to be this one, and `search` lists hosts or networks (256 addresses at most) where it is looked for when
    it does not answer under its known address. `sub_merchant` is the partner on a shared terminal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Host
    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    secret: SecretStr | None = None
    profile: Path | None = None
    currencies: frozenset[str] | None = None
    currency: str = "EUR"
    terminal_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    search: Annotated[tuple[str, ...], Field(max_length=MAX_SEARCHED)] = ()
    sub_merchant: Annotated[str, Field(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def _known_currencies(self) -> Self:
        unknown = sorted(((self.currencies or frozenset()) | {self.currency}) - BY_CODE.keys())
        if unknown:
            raise ValueError(f"not ISO 4217 currency codes: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        addresses(self.search)
        return self


def addresses(search: tuple[str, ...]) -> tuple[str, ...]:
    """Every address of these hosts and networks; `ValueError` for one that is none, or for too many."""
    found: list[str] = []
    for entry in search:
        if "/" not in entry:
            if _HOST.fullmatch(entry) is None:
                raise ValueError(f"search: {entry[:60]!r} is neither a host nor a network such as 192.168.1.0/24")
            found.append(entry)
            continue
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise ValueError(f"search: {entry[:60]!r} is no network such as 192.168.1.0/24") from None
        if network.num_addresses > MAX_SEARCHED:
            raise ValueError(f"search: {entry} has more than {MAX_SEARCHED} addresses")
        found += [str(address) for address in network.hosts()]
    if len(set(found)) > MAX_SEARCHED:
        raise ValueError(f"search: more than {MAX_SEARCHED} addresses in all")
    return tuple(dict.fromkeys(found))


# ---------------------------------------------------------------- the terminal's side


class Busy(StrEnum):
    """How a door says that something else runs."""

    NOT_STARTED = "not_started"
    CONFLICT = "conflict"
    LOCKED = "locked"


class WrongSecret(StrEnum):
    """How a door answers a wrong password."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_STARTED = "not_started"


class UnknownId(StrEnum):
    """How a door says that it does not know an id."""

    NOT_FOUND = "not_found"
    TEXT = "text"
    BAD_REQUEST = "bad_request"


class Duplicate(StrEnum):
    """What a second start under the same id does; only a simulator charges a second time."""

    REPLAY = "replay"
    REJECT = "reject"
    SECOND_CHARGE = "second_charge"


class Confirm(StrEnum):
    """Whether the till has to confirm; only a simulator takes back what was not confirmed in time."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    ABSENT = "absent"


class EarlyResult(StrEnum):
    """Whether the result may be read before the confirmation."""

    ALLOWED = "allowed"
    REFUSED = "refused"


class Lifetime(StrEnum):
    """Whether results outlive a restart; only a simulator forgets them."""

    KEPT = "kept"
    LOST_ON_RESTART = "lost_on_restart"


class StatusTexts(StrEnum):
    """What `status` says while it runs; only one text of real terminals is known, so that tills must read any."""

    PLAIN = "plain"
    RANDOM = "random"


class Personality(BaseModel):
    """How this door behaves where nobody knows how real terminals do (README, section 7)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    busy: Busy = Busy.NOT_STARTED
    wrong_secret: WrongSecret = WrongSecret.UNAUTHORIZED
    unknown_id: UnknownId = UnknownId.NOT_FOUND
    duplicate: Duplicate = Duplicate.REPLAY
    confirm: Confirm = Confirm.OPTIONAL
    early_result: EarlyResult = EarlyResult.ALLOWED
    lifetime: Lifetime = Lifetime.KEPT
    texts: StatusTexts = StatusTexts.PLAIN

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.confirm is Confirm.ABSENT and self.early_result is EarlyResult.REFUSED:
            raise ValueError("without a confirmation nothing would ever give the result")
        return self

    @property
    def moves_money(self) -> bool:
        """Whether it does things with money that only a simulator may do."""
        return (
            self.duplicate is Duplicate.SECOND_CHARGE
            or self.confirm is Confirm.REQUIRED
            or self.lifetime is Lifetime.LOST_ON_RESTART
        )


class DoorSettings(BaseModel):
    """Where tills find the terminal that this door plays.

    `name` stands for the till in what the desk keeps. `secret` is the profile's unless given. `versions` are the
    versions that are served, such as "v6" or "paya"; empty: all. `allow_from` are the addresses of tills, needed as
    soon as `host` (or `bind`) reaches beyond this computer: the password is the same everywhere and guards nothing.
    `extra_hosts` are further names under which tills address this computer, `allowed_origins` the sites whose pages
    may. `terminal_id` is what `info` answers. `patience` is how long an outcome in doubt is told as still running, in
    seconds; after `confirm_seconds` a simulator takes back what has to be confirmed and was not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: BindHost = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] = "till"
    terminal: str | None = None
    secret: SecretStr | None = None
    profile: Path | None = None
    versions: tuple[str, ...] = ()
    allow_from: Networks = ()
    extra_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    terminal_id: Annotated[str, Field(min_length=1, max_length=64)] = "TB000001"
    patience: Annotated[float, Field(ge=0, le=3600)] = PATIENCE
    confirm_seconds: Annotated[float, Field(ge=1, le=3600)] = CONFIRM_SECONDS
    personality: Personality = Personality()

    @model_validator(mode="after")
    def _says_whom_it_serves(self) -> Self:
        check_exposure(self.host, self.allow_from)
        return self
