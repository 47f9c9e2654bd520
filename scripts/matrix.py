"""Draws docs/reference/matrix.md from what each cell of the matrix answers (tests/matrix/answers.json)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.markdown import table

ANSWERS: Final = Path(__file__).parents[1] / "tests" / "matrix" / "answers.json"

LANGUAGES: Final = {
    "hipay": "HiPay",
    "hipay-unattended": "HiPay kiosk",
    "native": "native",
    "concert-v2": "Concert V2",
    "concert-v3": "Concert V3",
    "touchscreen": "touch screen",
    "mypos-xml": "myPOS XML",
    "virtual": "virtual",
}

_BEGINNING: Final = """# Any till, any terminal

Every till language drives every terminal language. These tables say what the till is told in each case. Every cell
is a test: till, bridge and terminal talk over real connections of this computer, and the terminal's own ledger is
the judge. In no cell is a till told that it was paid where no money moved, or that nothing was taken where it was,
and no cell asks the terminal twice.

* One word is what the till hears, and how the journal ends. "in doubt, then approved" means that the till is told
  that it is not known, and that the bridge finds out by itself afterwards: by asking, or by a late answer. "in
  doubt" alone waits for a person: that terminal language has no question for it.
* A till language without a word for it says less than the journal knows: Concert V2 has one code for every refusal,
  so that "declined, then aborted" is a customer who pressed the red key.
* "refused" means that the terminal's language has no word for the operation: nothing was sent, and the till is told
  so in the words of its own language. For the native interface the error's code follows.
* "line cut before" is a line that dies when the request is in and nothing was done yet; "line cut after" one that
  dies when the money was taken and before the answer. "late answer": the terminal takes longer than its driver
  waits. "till abort" is left out where the till's language cannot ask for it; a terminal that cannot be stopped
  ends approved.

"""


def page() -> str:
    """The whole page, without its first line."""
    answers: Mapping[str, str] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    cells = {tuple(name.split(" / ")): said for name, said in answers.items()}
    fronts = list(dict.fromkeys(front for front in LANGUAGES if any(cell[0] == front for cell in cells)))
    return _BEGINNING + "\n".join(_of(front, cells) for front in fronts)


def _of(front: str, cells: Mapping[tuple[str, ...], str]) -> str:
    mine = {cell[1:]: said for cell, said in cells.items() if cell[0] == front}
    drivers = [driver for driver in LANGUAGES if any(cell[0] == driver for cell in mine)]
    rows: list[list[str]] = []
    for ask in dict.fromkeys(cell[1] for cell in sorted(mine, key=_place)):
        cases = dict.fromkeys(cell[2] for cell in sorted(mine, key=_place) if cell[1] == ask)
        rows.extend(
            [ask, case, *(_said(mine, driver, ask, case) for driver in drivers)] for case in cases if case != "refused"
        )
    heads = ["operation", "what happens", *(LANGUAGES[driver] for driver in drivers)]
    return f"## A {LANGUAGES[front]} till\n\n{table(heads, rows)}"


def _said(mine: Mapping[tuple[str, ...], str], driver: str, ask: str, case: str) -> str:
    return mine.get((driver, ask, case)) or mine.get((driver, ask, "refused")) or ""


_ASKS: Final = (
    "sale",
    "refund",
    "refund of a sale",
    "authorization",
    "capture",
    "void of a sale",
    "void of an authorization",
    "reconciliation",
)
_CASES: Final = (
    "approve",
    "decline",
    "customer abort",
    "till abort",
    "line cut before",
    "line cut after",
    "late answer",
    "refused",
)


def _place(cell: tuple[str, ...]) -> tuple[int, int]:
    return _ASKS.index(cell[1]), _CASES.index(cell[2])
