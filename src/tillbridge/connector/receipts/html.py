"""A receipt as a page. Its style is the console's own file, because the console allows no style inside a page."""

from html import escape
from typing import Final, assert_never

from tillbridge.domain.receipt import Heading, Line, Pair, Receipt, Rule, SignatureLine, Words

STYLE: Final = "/static/receipt.css"
ICON: Final = "/static/icon.svg"


def render_html(receipt: Receipt) -> str:
    """The whole page."""
    heading = next((line for line in receipt.lines if isinstance(line, Heading)), None)
    title = "" if heading is None else heading.text
    # The first heading is the page's own: who hears the page instead of seeing it looks for that.
    elements = (f"<h1>{escape(title)}</h1>" if line is heading else _element(line) for line in receipt.lines)
    return _page(receipt.language, title, "\n".join(elements))


def render_ticket_html(ticket: str) -> str:
    """The terminal's own slip as a page, as it came."""
    return _page("", "", f"<pre>{escape(ticket)}</pre>")


def _page(language: str, title: str, content: str) -> str:
    spoken = f' lang="{escape(language)}"' if language else ""
    return (
        f'<!DOCTYPE html>\n<html{spoken}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="{ICON}">\n'
        f'<link rel="stylesheet" href="{STYLE}">\n</head>\n'
        f'<body>\n<main class="receipt">\n{content}\n</main>\n</body>\n</html>\n'
    )


def _element(line: Line) -> str:
    match line:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Words(text):
            return f"<p>{escape(text)}</p>"
        case Pair(label, value, strong):
            shown = f"<strong>{escape(value)}</strong>" if strong else escape(value)
            return f"<dl><dt>{escape(label)}</dt><dd>{shown}</dd></dl>"
        case Rule():
            return "<hr>"
        case SignatureLine(label):
            return f'<p class="signature">{escape(label)}</p>'
        case _:
            assert_never(line)
