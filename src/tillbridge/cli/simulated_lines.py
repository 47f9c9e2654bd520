"""Where tills find a simulated terminal and what it speaks: the command line's words as settings of a door."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

from tillbridge.cli.addresses import host_and_port
from tillbridge.cli.errors import WrongWord
from tillbridge.domain.errors import Code

V3: Final = "v3"
LOOPBACK: Final = "127.0.0.1"


class Line(Protocol):
    """A way to a simulated terminal."""

    @property
    def wire(self) -> str:
        """The name of its door."""
        ...

    @property
    def spoken(self) -> str:
        """What it speaks, in words."""
        ...

    def settings(self) -> dict[str, Any]:
        """The settings of its door, unchecked."""
        ...

    def option(self, setting: tuple[int | str, ...]) -> str:
        """The option of the command line that this setting of the door comes from."""
        ...


@dataclass(frozen=True, slots=True)
class ConcertLine:
    """Either `pty`, or `tcp` as host and port.

    `dialect` is "e", "e+" or "v3"; None takes both bodies of Concert V2. `allow_from` are the networks that are served
    beyond this computer, `personality` is the manner of a real V3 terminal.
    """

    pty: Path | None = None
    tcp: tuple[str, int] | None = None
    dialect: str | None = None
    allow_from: tuple[str, ...] = ()
    personality: str | None = None

    @classmethod
    def from_words(cls, pty: Path | None, tcp: str | None, dialect: str | None, **more: Any) -> Self:  # noqa: ANN401
        """The line that these options of the command line describe."""
        if (pty is None) == (tcp is None):
            raise WrongWord(Code.SETTINGS_INVALID, "give --pty LINK or --tcp HOST:PORT, one of them", place="--pty")
        check_pty(pty, "--tcp, or a pair of virtual COM ports")
        line = cls(pty, None if tcp is None else host_and_port(tcp, "--tcp"), dialect, **more)
        if line.allow_from and pty is not None:
            raise WrongWord(Code.SETTINGS_INVALID, "nobody comes over a network to a pty", place="--allow-from")
        if line.personality is not None and dialect != V3:
            raise WrongWord(Code.SETTINGS_INVALID, "only --dialect v3 has personalities", place="--personality")
        return line

    @property
    def wire(self) -> str:
        """See `Line.wire`."""
        return "concert-v3" if self.dialect == V3 else "concert-v2"

    @property
    def spoken(self) -> str:
        """See `Line.spoken`."""
        return {None: "Concert V2, E and E+", "e": "Concert V2, E", "e+": "Concert V2, E+"}.get(
            self.dialect, "Concert V3"
        )

    def settings(self) -> dict[str, Any]:
        """See `Line.settings`."""
        found: dict[str, Any] = {}
        if self.pty is not None:
            found["pty"] = self.pty
        if self.tcp is not None:
            address = {"host": self.tcp[0], "port": self.tcp[1]} | (
                {"allow_from": self.allow_from} if self.allow_from else {}
            )
            found |= address if self.dialect == V3 else {"tcp": address}
        if self.dialect not in (None, V3):
            found["dialect"] = self.dialect
        if self.personality is not None:
            found["personality"] = self.personality
        return found

    def option(self, setting: tuple[int | str, ...]) -> str:
        """See `Line.option`."""
        for name in ("allow_from", "personality"):
            if name in setting:
                return option_of(name)
        return "--tcp" if self.pty is None else "--pty"

    def behind_a_slow_line(self, scratch: Path) -> Self:
        """The same, where only a line that slows it down finds it."""
        if self.pty is not None:
            return type(self)(scratch / "door", None, self.dialect, personality=self.personality)
        return type(self)(None, (LOOPBACK, 0), self.dialect, personality=self.personality)


@dataclass(frozen=True, slots=True)
class DoorLine:
    """A line that the settings of its door describe in words of their own.

    `given` are those settings, with a dot before the name of one inside another, each called as its option is; what is
    None was not given. `place` is the option to blame where several settings do not go together.
    """

    wire: str
    spoken: str
    given: Mapping[str, object] = field(default_factory=dict)
    place: str = "--host"

    def settings(self) -> dict[str, Any]:
        """See `Line.settings`."""
        found: dict[str, Any] = {}
        for path, value in self.given.items():
            if value is not None:
                *above, name = path.split(".")
                inner = found
                for one in above:
                    inner = inner.setdefault(one, {})
                inner[name] = value
        return found

    def option(self, setting: tuple[int | str, ...]) -> str:
        """See `Line.option`."""
        names = [str(part) for part in setting]
        for end in range(len(names), 0, -1):
            if ".".join(names[:end]) in self.given:
                return option_of(names[end - 1])
        # Several settings of one part that do not go together: the first of them that was given is named.
        within = [path for path, value in self.given.items() if value is not None and path.split(".")[:-1] == names]
        return option_of(within[0].rpartition(".")[2]) if names and within else self.place


def check_pty(pty: Path | None, instead: str) -> None:
    """`WrongWord` for a pty where this computer has none."""
    if pty is not None and sys.platform == "win32":
        raise WrongWord(Code.SETTINGS_INVALID, f"a pty needs Linux or macOS; here use {instead}", place="--pty")


def check_one_line(pty: Path | None, channel: int | None) -> None:
    """`WrongWord` for more than one line beside TCP."""
    if pty is not None and channel is not None:
        raise WrongWord(Code.SETTINGS_INVALID, "give --pty or --channel, not both", place="--channel")


def option_of(setting: str) -> str:
    """How the option of a setting is written."""
    return "--" + setting.replace("_", "-")
