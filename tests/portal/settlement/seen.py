"""What tests look at: the claims of a floor by the names of its shops, and statements in a spreadsheet and on paper."""

import io
from collections.abc import Mapping

import openpyxl
import pypdfium2
from sqlalchemy import select

from tests.portal.vouchers.floor import Floor
from tillbridge.portal.house import House
from tillbridge.portal.settlement import movements
from tillbridge.portal.settlement.claims import claims_of
from tillbridge.portal.settlement.model import Form, Sum
from tillbridge.portal.settlement.tables import settlement_paper, settlement_statement

Claims = dict[tuple[str, str], int]


def named(floor: Floor, claims: Mapping[tuple[str, str], int]) -> Claims:
    """Claims with A, B and C for the shops."""
    names = {one.location_id: name for name, one in (("A", floor.here), ("B", floor.there), ("C", floor.third))}
    return {(names[claimer], names[owner]): amount for (claimer, owner), amount in claims.items()}


async def booked(floor: Floor, first: str = "0000", last: str = "9999") -> tuple[Sum, ...]:
    """The sums of the ledger itself."""
    async with floor.house.database.reading() as connection:
        return await movements.sums(connection, movements.within(floor.system_id, first, last))


async def claimed(floor: Floor, first: str = "0000", last: str = "9999") -> Claims:
    """Who claims what from whom, by the ledger."""
    return named(floor, claims_of(await booked(floor, first, last)))


async def statements(house: House) -> list[dict[str, object]]:
    """Every statement, frozen or not, in the order of their numbers."""
    async with house.database.reading() as connection:
        rows = await connection.execute(select(settlement_statement).order_by(settlement_statement.c.number))
        return [dict(row) for row in rows.mappings()]


async def papers(house: House, number: str) -> dict[Form, bytes]:
    """What the statement of this number froze to."""
    statement = (
        select(settlement_paper.c.form, settlement_paper.c.content)
        .join(settlement_statement, settlement_statement.c.id == settlement_paper.c.statement_id)
        .where(settlement_statement.c.number == number)
    )
    async with house.database.reading() as connection:
        return {Form(row.form): bytes(row.content) for row in await connection.execute(statement)}


def cells_of(content: bytes) -> list[list[str]]:
    """The cells of a workbook, page after page, line after line; each of them a text."""
    found = []
    for sheet in openpyxl.load_workbook(io.BytesIO(content)).worksheets:
        for row in sheet.iter_rows():
            cells = [cell for cell in row if cell.value is not None]
            assert all(cell.data_type == "s" for cell in cells), cells
            found.append([str(cell.value) for cell in cells])
    return found


def text_of(content: bytes) -> str:
    """What is written in a PDF, in one line."""
    document = pypdfium2.PdfDocument(content)
    try:
        return " ".join(" ".join(page.get_textpage().get_text_range() for page in document).split())
    finally:
        document.close()
