"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is written so that it does not end the cell."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def anchor(heading: str) -> str:
    """The name by which a heading is linked, as the usual viewers make it."""
    return "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " _-").replace(" ", "-")


def one_line(text: str) -> str:
    """The text of a docstring without its line ends."""
    return " ".join(text.split())
