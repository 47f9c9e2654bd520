"""`tillbridge portal ledger`: what it does."""

import sys
from pathlib import Path

from tillbridge.cli.exits import Exit
from tillbridge.cli.portal_running import in_house
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.chains.walk import Fault
from tillbridge.portal.house import House
from tillbridge.portal.ledger.verifying import Verdict, verify
from tillbridge.portal.sealing.verifying import ChainVerdict, export_heads, heads, verify_chain


def verify_in_file(config: Path, against: Path | None) -> Exit:
    """Holds the whole ledger against itself and against what was signed, and says what it found."""

    async def both(house: House) -> tuple[Verdict, ChainVerdict]:
        return await verify(house), await verify_chain(house, against)

    rows, chain = in_house(config, both)
    _say_rows(rows)
    _say_chain(chain)
    sound = rows.sound and chain.sound
    sys.stdout.write("The ledger holds together.\n" if sound else "The ledger does not hold together.\n")
    return Exit.APPROVED if sound else Exit.FAILED


def heads_of_file(config: Path, export: Path | None) -> None:
    """Lists the signed heads, or writes them with the end of the chain to a file."""
    if export is None:
        for head in in_house(config, heads):
            sys.stdout.write(f"{head.day}  {head.link.position:>12}  {head.link.hash.hex()}  {head.key_name}\n")
        return
    text = in_house(config, export_heads)
    try:
        export.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise BridgeError(Code.FILE_UNREADABLE, f"it cannot be written: {error.strerror}", place=str(export)) from None
    sys.stdout.write(f"The heads are in {export}: keep it where nobody reaches who reaches the portal.\n")


def _say_rows(verdict: Verdict) -> None:
    sys.stdout.write(f"{verdict.vouchers} vouchers with {verdict.entries} entries.\n")
    for fault in verdict.faults:
        place = f" ({fault.place})" if fault.place else ""
        sys.stdout.write(f"{fault.kind}: voucher {fault.voucher_id} {fault.number}{place}\n")
    unnamed = verdict.count - len(verdict.faults)
    if unnamed:
        sys.stdout.write(f"... and {unnamed} more.\n")


def _say_chain(verdict: ChainVerdict) -> None:
    head = "no day is signed yet" if verdict.newest_head is None else f"the newest signed day is {verdict.newest_head}"
    sys.stdout.write(f"{verdict.sealed} entries are chained, {verdict.waiting} wait for it; {head}.\n")
    for fault in verdict.faults:
        sys.stdout.write(f"{_told(fault)}\n")


def _told(fault: Fault) -> str:
    where = "" if fault.position is None else f" at position {fault.position}"
    entry = f" (entry {fault.entry_id})" if fault.entry_id else ""
    return f"{fault.kind}{where}{entry}{': ' if fault.detail else ''}{fault.detail}"
