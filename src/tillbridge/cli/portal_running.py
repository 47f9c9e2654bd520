"""`tillbridge portal`: what it does."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from tillbridge.cli.exits import Exit
from tillbridge.cli.running import run
from tillbridge.cli.standard_input import end_of_input
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.service import create_admin
from tillbridge.portal.app import open_house, portal_app, serve_portal
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.verifying import export_anchor, verify
from tillbridge.portal.corrections.granting import grant
from tillbridge.portal.demo_data import demo_code as code_now
from tillbridge.portal.demo_data import demo_data, is_filled
from tillbridge.portal.features import assemble
from tillbridge.portal.house import House
from tillbridge.portal.settings import LOOPBACK, PortalSettings, load_settings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.web.listening import BoundAddress

T = TypeVar("T")

READY: Final = "ready: "
"""What the line begins with that says that it answers; programs that start a portal wait for it."""


def serve_file(config: Path, *, until_stdin_ends: bool, demo: bool = False) -> None:
    """Serves until it is asked to stop."""
    settings = load_settings(config)
    make(settings.data)
    set_up_logging(level=settings.log_level, folder=settings.data, console=sys.stderr, readable=True)
    if demo:
        migrate(settings)
    run(_serve(settings, until_stdin_ends=until_stdin_ends, demo=demo))


def migrate_file(config: Path) -> None:
    """Runs the missing steps and says which."""
    before, after = migrate(load_settings(config))
    news = f"Migrated from {before or 'nothing'} to {after}."
    said = f"The database is up to date ({after})." if before == after else news
    sys.stdout.write(f"{said}\n")


def in_house(config: Path, act: Callable[[House], Awaitable[T]]) -> T:
    """Does something with the portal of these settings, without serving it."""
    settings = load_settings(config)
    set_up_logging(level=Level.WARNING, console=sys.stderr, readable=True)

    async def inside() -> T:
        async with open_house(settings, Runtime()) as house:
            return await act(house)

    return run(inside())


async def _serve(settings: PortalSettings, *, until_stdin_ends: bool, demo: bool) -> None:
    stop = asyncio.Event()

    def ready(address: BoundAddress) -> None:
        sys.stdout.write(f"{READY}{settings.address} (listening on {address})\n")
        sys.stdout.flush()

    async with open_house(settings, Runtime()) as house:
        if demo and not await is_filled(house):
            await demo_data(house)
        doorkeeper, features = assemble(house)
        app = portal_app(house, doorkeeper, features)
        with on_interrupt(stop.set):
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(serve_portal(app, house, features, ready))
                leaving = group.create_task(_set_at_the_end(stop)) if until_stdin_ends else None
                await stop.wait()
                serving.cancel()
                if leaving is not None:
                    leaving.cancel()


async def _set_at_the_end(stop: asyncio.Event) -> None:
    await end_of_input()
    stop.set()


def admin_in_file(config: Path, email: str, name: str) -> None:
    """Makes the operator's first person and prints the link that lets that person in, once."""
    made = in_house(config, lambda house: create_admin(house, email, name, None))
    sys.stdout.write(f"{name} chooses a password here, once, within a day:\n{made.link}\n")


def fill_file(config: Path) -> None:
    """Fills an empty portal and prints who may sign in. `BridgeError` if more than this computer reaches it."""
    if not LOOPBACK.issuperset(load_settings(config).hosts):
        said = "everybody knows the passwords of the demonstration: it is for a portal that only this computer reaches"
        raise BridgeError(Code.SETTINGS_INVALID, said, place="address")
    access = in_house(config, demo_data)
    for person in access.people:
        sys.stdout.write(f"{person.email}  {person.password}  {person.role}\n")
    for number, pin in access.vouchers:
        sys.stdout.write(f"{number}  PIN {pin}  Voucher, activated and empty\n")


def print_demo_code() -> None:
    """Prints what the generators of the demonstration show at this moment."""
    sys.stdout.write(f"{code_now(Runtime().clock.now())}\n")


def verify_file(config: Path, anchor: Path | None) -> Exit:
    """Walks the audit log and says what it found."""
    verdict = in_house(config, lambda house: verify(house, [] if anchor is None else [anchor]))
    head = "no day is signed yet" if verdict.newest_head is None else f"the newest signed day is {verdict.newest_head}"
    sys.stdout.write(f"{verdict.sealed} entries are chained, {verdict.waiting} wait for it; {head}.\n")
    for fault in verdict.faults:
        where = "" if fault.position is None else f" at position {fault.position}"
        entry = f" (entry {fault.entry_id})" if fault.entry_id else ""
        sys.stdout.write(f"{fault.kind}{where}{entry}{': ' if fault.detail else ''}{fault.detail}\n")
    sys.stdout.write("The log is as it was written.\n" if verdict.sound else "The log was tampered with.\n")
    return Exit.APPROVED if verdict.sound else Exit.FAILED


def anchor_from_file(config: Path) -> None:
    """Prints the end of the chain, signed."""
    sys.stdout.write(in_house(config, export_anchor).rstrip() + "\n")


def grant_in_file(config: Path, system: str, month: str | None, codes: int, reason: str) -> None:
    """Grants a voucher system more codes for a month and says what it may make then."""
    granted = in_house(config, lambda house: grant(house, PORTAL, system, month, codes, reason))
    quota = granted.quota
    sys.stdout.write(f"{granted.system} may make {quota.most:,} codes in {quota.month}; {quota.made:,} are made.\n")
