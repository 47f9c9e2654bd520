"""`tillbridge portal vouchers`: what it does, on the database itself."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from tillbridge.cli.errors import WrongWord
from tillbridge.cli.portal_running import in_house
from tillbridge.cli.showing import wide_console
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.voucher_code import masked
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.house import House
from tillbridge.portal.partners.telling import Telling
from tillbridge.portal.vouchers.batches_model import Happened
from tillbridge.portal.vouchers.operating import Known, Operating, SystemBatches, Wanted
from tillbridge.portal.vouchers.systems_model import VoucherSystem

EVERY: Final = 10_000_000
"""More than one portal makes codes for one country: an export has no page."""

OWNER_ONLY: Final = 0o600

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was written on the command line about which vouchers."""

    system: str
    batch: str
    state: str
    after: str = ""
    limit: int = EVERY

    def wanted(self) -> Wanted:
        """The same, checked."""
        found = next((one for one in VoucherState if one == self.state), None)
        if self.state and found is None:
            known = ", ".join(VoucherState)
            raise WrongWord(Code.SETTINGS_INVALID, f"{self.state} is no state: {known}", place="--state")
        return Wanted(self.system, self.batch, found, self.after, self.limit)


def print_list(config: Path, asked: Asked, *, full: bool, as_json: bool) -> None:
    """Prints vouchers, one on each line."""
    wanted = asked.wanted()
    found = in_house(config, lambda house: _operating(house).listed(wanted, whole=full))
    if as_json:
        _write_json([_fields(one, full=full) for one in found])
        return
    if not found:
        sys.stdout.write("No vouchers.\n")
        return
    table = _table("id", "number", "state", "balance", "merchant", "system")
    for one in found:
        balance = _money(one.voucher.balance, one.system)
        table.add_row(
            one.voucher.id,
            _number(one, full=full),
            one.voucher.state.value,
            balance,
            Text(one.merchant),
            Text(one.system.name),
        )
    wide_console().print(table)


def print_one(config: Path, code: str, system: str, *, full: bool, as_json: bool) -> None:
    """Prints one voucher with its history."""
    one, history = in_house(config, lambda house: _operating(house).shown(code, system))
    if as_json:
        _write_json({**_fields(one, full=full), "history": [_line(each) for each in history]})
        return
    console, facts = wide_console(), Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, said in _facts(one, full=full):
        if said:
            facts.add_row(name, Text(said))
    console.print(facts)
    if not history:
        return
    entries = _table("no.", "booked", "what", "amount", "balance", "where", "receipt")
    for each in history:
        entries.add_row(
            str(each.seq),
            f"{each.booked_at.astimezone():%Y-%m-%d %H:%M:%S}",
            each.kind.value,
            _money(each.amount, one.system),
            _money(each.balance_after, one.system),
            Text(" ".join(part for part in (each.location, each.station) if part)),
            Text(each.receipt),
        )
    console.print()
    console.print(entries)


def set_blocked(config: Path, code: str, reason: str, system: str, *, blocked: bool) -> None:
    """Blocks or unblocks a voucher and says how it stands then."""
    one = in_house(config, lambda house: _operating(house).set_blocked(code, reason, system, blocked=blocked))
    sys.stdout.write(f"{masked(one.voucher.number)}  {one.voucher.state}\n")


def export_to(config: Path, asked: Asked, target: Path) -> None:
    """Writes vouchers into a file that only this user can read. An existing one is not overwritten."""
    wanted = asked.wanted()
    if target.exists():
        raise BridgeError(Code.SETTINGS_INVALID, "this file is there already: name another", place=str(target))
    content, count = in_house(config, lambda house: _operating(house).exported(wanted))
    try:
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(opened, "wb") as file:
            file.write(content)
    except OSError as error:
        raise BridgeError(Code.SETTINGS_INVALID, f"it cannot be written: {error.strerror}", place=str(target)) from None
    sys.stdout.write(f"{count} vouchers are in {target}.\n")


def print_batches(config: Path, system: str, *, as_json: bool) -> None:
    """Prints the voucher systems with their batches."""
    found = in_house(config, lambda house: _operating(house).batches(system))
    if as_json:
        _write_json([_system(one) for one in found])
        return
    if not found:
        sys.stdout.write("No voucher systems.\n")
        return
    table = _table("merchant", "system", "currency", "batch", "name", "codes", "made")
    for one in found:
        place = (Text(one.merchant), Text(f"{one.system.name} ({one.system.id})"), one.system.currency)
        for counted in one.batches:
            batch = counted.batch
            made = f"{batch.made_at.astimezone():%Y-%m-%d}"
            table.add_row(*place, batch.id, Text(batch.name), str(batch.amount_of_codes), made)
        if not one.batches:
            table.add_row(*place, "", "no batches", "", "")
    wide_console().print(table)


def _operating(house: House) -> Operating:
    return Operating(house, (Telling(house).blocked,))


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in names:
        right = name in {"balance", "amount", "codes", "no."}
        table.add_column(
            name, no_wrap=name not in {"merchant", "system", "where"}, justify="right" if right else "left"
        )
    return table


def _number(one: Known, *, full: bool) -> str:
    return one.voucher.number if full else masked(one.voucher.number)


def _money(minor: int, system: VoucherSystem) -> str:
    return f"{'-' if minor < 0 else ''}{Money(abs(minor), system.unit).major()} {system.currency}"


def _facts(one: Known, *, full: bool) -> Sequence[tuple[str, str]]:
    voucher = one.voucher
    last = voucher.last_activity
    return (
        ("id", voucher.id),
        ("number", _number(one, full=full)),
        ("state", voucher.state.value),
        ("blocked because", voucher.block_reason),
        ("balance", _money(voucher.balance, one.system)),
        ("merchant", one.merchant),
        ("system", f"{one.system.name} ({one.system.id})"),
        ("batch", voucher.batch_id or ""),
        ("country", voucher.country),
        ("last used", "" if last is None else f"{last.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("PIN", "blocked" if voucher.pin_blocked else ""),
    )


def _fields(one: Known, *, full: bool) -> Fields:
    voucher = one.voucher
    return {
        "id": voucher.id,
        "number": _number(one, full=full),
        "state": voucher.state.value,
        "balance": voucher.balance,
        "currency": one.system.currency,
        "country": voucher.country,
        "merchant": one.merchant,
        "system": {"id": one.system.id, "name": one.system.name},
        "batch": voucher.batch_id,
        "block_reason": voucher.block_reason,
        "pin_blocked": voucher.pin_blocked,
        "last_activity": None if voucher.last_activity is None else voucher.last_activity.isoformat(),
    }


def _line(one: Happened) -> Fields:
    return {
        "entry": one.seq,
        "kind": one.kind.value,
        "amount": one.amount,
        "balance": one.balance_after,
        "location": one.location,
        "station": one.station,
        "operator": one.operator,
        "transaction_ref": one.receipt,
        "reason": one.reason,
        "reverses": one.reverses,
        "booked_at": one.booked_at.isoformat(),
    }


def _system(one: SystemBatches) -> Fields:
    return {
        "id": one.system.id,
        "name": one.system.name,
        "merchant": one.merchant,
        "currency": one.system.currency,
        "batches": [
            {
                "id": counted.batch.id,
                "name": counted.batch.name,
                "country": counted.batch.country,
                "codes": counted.batch.amount_of_codes,
                "made_at": counted.batch.made_at.isoformat(),
                "made_by": counted.batch.made_by,
                "states": {state.value: count for state, count in counted.vouchers.items()},
            }
            for counted in one.batches
        ],
    }


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
