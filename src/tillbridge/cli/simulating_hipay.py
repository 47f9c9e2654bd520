"""`tillbridge simulate hipay`: what it does."""

import asyncio
import ipaddress
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from tillbridge.cli.errors import WrongWord
from tillbridge.cli.running import run
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.app import Sandbox, sandbox, serve
from tillbridge.psp.hipay.sandbox.credentials import Credentials, read
from tillbridge.psp.hipay.sandbox.faults import Faults, read_switch
from tillbridge.psp.hipay.sandbox.notices import Digest, Style
from tillbridge.psp.hipay.sandbox.settings import TERMINAL_SECONDS, Network, SandboxSettings, Target, TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.listening import BoundAddress

HOST: Final = "localhost"
"""This computer alone: everybody who reaches the page may refund and switch faults."""

LARGEST_FILE: Final = 16 * 1024
"""Bytes of a file of credentials: six short texts."""

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for. `folder` None forgets everything with the program."""

    port: int
    folder: Path | None
    credentials: Credentials | None
    settings: SandboxSettings
    faults: Faults


def simulate_provider(words: Mapping[str, Any]) -> None:
    """Plays the provider until Ctrl-C. `words` are the options of the command line by their names."""
    run(_play(_wish(words)))


def _wish(words: Mapping[str, Any]) -> Wish:
    """The options as values; `WrongWord` for the first that makes no sense."""
    with _option("--notify"):
        style = _word(words["notify_as"], Style, Style.FORM, "--notify-as")
        digest = _word(words["notify_digest"], Digest, Digest.SHA256, "--notify-digest")
        target = Target(words["notify"], style, digest)
    releases: Path | None = words["releases"]
    if releases is not None and not releases.is_dir():
        raise WrongWord(Code.SETTINGS_INVALID, "there is no such folder", place="--releases")
    delay = TERMINAL_SECONDS if words["delay"] is None else words["delay"]
    with _option("--delay"):
        settings = SandboxSettings(
            target,
            _credit(words["credit_status"]),
            _networks(words["only_from"] or ()),
            None if releases is None else releases.resolve(),
            _word(words["terminal"], TerminalAnswer, TerminalAnswer.APPROVE, "--terminal"),
            delay,
        )
    with _option("--fault"):
        faults = Faults(read_switch(text) for text in words["fault"] or ())
    return Wish(words["port"], words["data"], _credentials(words["credentials"]), settings, faults)


@contextmanager
def _option(place: str) -> Iterator[None]:
    """What is wrong inside is the fault of this option, unless it has named another."""
    try:
        yield
    except WrongWord:
        raise
    except BridgeError as error:
        raise WrongWord(Code.SETTINGS_INVALID, error.detail, place=place) from None


def _word(text: str | None, kind: type[E], usual: E, place: str) -> E:
    if text is None:
        return usual
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(str(one.value) for one in kind)
        raise WrongWord(Code.SETTINGS_INVALID, f"it must be one of: {known}", place=place) from None


def _credit(text: str | None) -> Status:
    try:
        status = Status.CREDITED_CARD if text is None else Status(int(text))
        SandboxSettings(credit_status=status)
    except (ValueError, BridgeError):
        raise WrongWord(Code.SETTINGS_INVALID, "it must be one of: 166, 168, 169", place="--credit-status") from None
    return status


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise WrongWord(Code.SETTINGS_INVALID, str(error), place="--only-from") from None


def _credentials(path: Path | None) -> Credentials | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE).decode("utf-8", errors="replace")
    except OSError as error:
        raise WrongWord(Code.SETTINGS_INVALID, f"it cannot be read: {error.strerror}", place="--credentials") from None
    with _option("--credentials"):
        return read(text, str(path))


async def _play(wish: Wish) -> None:
    set_up_logging(level=Level.WARNING, readable=True)
    stop = asyncio.Event()
    with _folder(wish.folder) as folder, on_interrupt(stop.set):
        runtime = Runtime()
        terminal = VirtualTerminal("cloud", runtime, delay=wish.settings.terminal_seconds)
        settings = replace(wish.settings, desk=terminal)
        opened = sandbox(folder, settings, runtime, credentials=wish.credentials, faults=wish.faults)
        async with opened as one, asyncio.TaskGroup() as group:

            def ready(address: BoundAddress) -> None:
                sys.stdout.write("\n".join([*told(one, address, wish.folder), "Ctrl-C stops it.", ""]))
                sys.stdout.flush()

            serving = group.create_task(serve(one, HOST, wish.port, ready))
            await stop.wait()
            serving.cancel()
    sys.stdout.write("Stopped.\n")


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tillbridge-sandbox-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def told(one: Sandbox, address: BoundAddress, folder: Path | None) -> Iterator[str]:
    """What runs where, and the account that everybody may know: it guards nothing."""
    account = one.provider.credentials
    target = one.provider.sender.target
    yield "provider sandbox: not HiPay, and no money is moved"
    yield f"  its page is at     http://{address}/"
    yield f"  orders go to       http://{address}/rest/v1/order"
    yield f"  the cloud is at    http://{address}/v1/connector"
    yield f"  private login      {account.login}"
    yield f"  private password   {account.password}"
    yield f"  public login       {account.public_login}"
    yield f"  public password    {account.public_password}"
    yield f"  hashkey            {account.hashkey}"
    yield f"  passphrase         {account.passphrase}"
    yield f"  it notifies        {target.url or 'nobody'}"
    for switch in one.provider.faults.on.values():
        yield f"  switched on        {switch.fault}"
    if folder is not None:
        yield f"  it keeps           {folder}"
