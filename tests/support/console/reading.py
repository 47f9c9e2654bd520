"""Reads the console's pages as a person or a browser would: the words, and the forms with what is in them."""

import re
from html import unescape

from tests.support.console.asgi_client import Answer, Client


def words(page: Answer) -> str:
    """The page's text without its markup, in letters that a test can be written with."""
    text = unescape(re.sub(r"<[^>]*>", " ", page.text.partition("<main")[2]))
    plain = text.replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(plain.split())


def hidden(page: Answer, action: str) -> dict[str, str]:
    """The hidden fields of the first form with this action."""
    forms = re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    body = next(text for found, text in forms if unescape(found) == action)
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', body)
    return {name: unescape(value) for name, value in fields}


async def send(person: Client, page: Answer, action: str, **entered: str) -> Answer:
    """Fills in a form of this page and sends it."""
    return await person.submit(action, **(hidden(page, action) | entered))
