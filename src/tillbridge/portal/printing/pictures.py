"""A code alone, as SVG or PNG, for whoever designs a card elsewhere."""

import io
from typing import Final

from PIL import Image, ImageDraw

from tillbridge.portal.printing.model import Look
from tillbridge.portal.printing.symbols import Symbol

DPI: Final = 600
"""Dots per inch of a PNG: a module is a whole number of them, and 300 is the least that is printed."""

MM_PER_INCH: Final = 25.4


def svg(one: Symbol, look: Look) -> bytes:
    """The code as SVG, in millimetres, with its quiet zone."""
    path = "".join(f"M{run.x} {run.y}h{run.width}v1h-{run.width}z" for run in one.runs)
    box = f'viewBox="0 0 {one.columns} {one.rows}"'
    if one.step != one.rise:
        box += ' preserveAspectRatio="none"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{one.width:.2f}mm" height="{one.height:.2f}mm" {box} '
        'shape-rendering="crispEdges">'
        f'<rect width="{one.columns}" height="{one.rows}" fill="{look.light}"/>'
        f'<path fill="{look.dark}" d="{path}"/></svg>\n'
    ).encode()


def png(one: Symbol, look: Look) -> bytes:
    """The code as PNG with its size in dots per inch, and its quiet zone."""
    step, rise = (max(1, round(part / MM_PER_INCH * DPI)) for part in (one.step, one.rise))
    picture = Image.new("RGB", (one.columns * step, one.rows * rise), look.light.parts)
    pen = ImageDraw.Draw(picture)
    for run in one.runs:
        left, top = run.x * step, run.y * rise
        pen.rectangle((left, top, left + run.width * step - 1, top + rise - 1), fill=look.dark.parts)
    page = io.BytesIO()
    # Two colours alone: a palette keeps the file small.
    picture.quantize(2).save(page, "PNG", dpi=(DPI, DPI))
    return page.getvalue()
