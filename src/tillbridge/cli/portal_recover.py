"""`tillbridge portal recover`: what it takes and what it does."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from tillbridge.cli.portal_options import USUAL, FileOption
from tillbridge.domain.errors import BridgeError, Code

app = typer.Typer(
    help="After a backup was restored: hears from the tills what they had been answered.", no_args_is_help=True
)


@app.command()
def begin(
    *,
    config: FileOption = USUAL,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="Such as 2026-11-21T18:00Z; a day before the newest entry without it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Takes no voucher until the tills have told again what they had been answered since the backup.

    The portal begins by itself where it can prove that something was lost. Begin it by hand after every other restore.
    """
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.recovery.model import Cause  # noqa: PLC0415  # as above
    from tillbridge.portal.recovery.service import COMMAND_LINE, Recoveries  # noqa: PLC0415  # as above

    moment = None if since is None else _moment(since)
    begun = in_house(config, lambda house: Recoveries.of(house).begin(Cause.PERSON, COMMAND_LINE, moment))
    said = f"Recovery begins for {len(begun)} voucher systems." if begun else "Every voucher system is in recovery."
    sys.stdout.write(f"{said}\n")
    status(config=config)


@app.command()
def status(*, config: FileOption = USUAL) -> None:
    """Says who has told, what came of it, and which tills know more than the portal."""
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.house import House  # noqa: PLC0415  # as above
    from tillbridge.portal.recovery.model import Standing  # noqa: PLC0415  # as above
    from tillbridge.portal.recovery.service import Recoveries  # noqa: PLC0415  # as above

    async def look(house: House) -> tuple[Sequence[Standing], Sequence[tuple[str, str, datetime]]]:
        recoveries = Recoveries.of(house)
        return await recoveries.standings(), await recoveries.doubts()

    standings, doubts = in_house(config, look)
    if not standings:
        sys.stdout.write("No voucher system is in recovery.\n")
    for one in standings:
        begun = f"{one.recovery.begun_at:%Y-%m-%d %H:%M} UTC by {one.recovery.begun_by} ({one.recovery.cause})"
        sys.stdout.write(f"{one.system_name} ({one.recovery.system_id}): since {begun}\n")
        for place in one.places:
            said = "waits" if place.told_at is None else f"has told by {place.told_at:%Y-%m-%d %H:%M} UTC"
            sys.stdout.write(f"  {place.name}: {said}\n")
        for verdict, count in sorted(one.counts.items()):
            sys.stdout.write(f"  {verdict}: {count}\n")
    for _, name, noticed in doubts:
        since = f"{noticed:%Y-%m-%d %H:%M} UTC"
        sys.stdout.write(f"{name}: its connector was answered what this portal does not know (seen {since}).\n")


@app.command()
def end(
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why. The merchants read it in the audit log.")],
    config: FileOption = USUAL,
    system: Annotated[
        str,
        typer.Option(metavar="SYSTEM", help="One voucher system, or the end of its id; all without it."),
    ] = "",
) -> None:
    """Takes vouchers again, although not every till has told. What is told later is booked then."""
    from tillbridge.cli.portal_running import in_house  # noqa: PLC0415  # only when it runs: --help answers at once
    from tillbridge.portal.house import House  # noqa: PLC0415  # as above
    from tillbridge.portal.recovery.service import COMMAND_LINE, Recoveries  # noqa: PLC0415  # as above

    if not reason.strip():
        raise BridgeError(Code.FIELD_INVALID, "a reason is needed", place="--reason")

    async def ended(house: House) -> int:
        recoveries = Recoveries.of(house)
        found = [one for one in await recoveries.standings() if one.recovery.system_id.endswith(system)]
        for one in found:
            await recoveries.end(one.recovery.id, COMMAND_LINE, reason)
        return len(found)

    count = in_house(config, ended)
    if not count:
        raise BridgeError(Code.RECORD_UNKNOWN, "no such voucher system is in recovery", place="--system")
    sys.stdout.write(f"{count} voucher systems take vouchers again.\n")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BridgeError(Code.FIELD_INVALID, "a moment is like 2026-11-21T18:00Z", place="--since") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
