"""Sends a browser on, and never to another site."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

HOME: Final = "/"


def see_other(path: str) -> Response:
    """Sends the browser to another page, with GET."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def address(request: Request) -> str:
    """The path and query that were asked for, quoted so that they can stand in a query themselves."""
    return quote(f"{request.url.path}?{request.url.query}".rstrip("?"), safe="/")


def own_path(path: str | None) -> str:
    """A path of this site that a page asked to go on to; the home page for anything that could lead elsewhere."""
    text = path or HOME
    try:
        parts = urlsplit(text)
    except ValueError:  # half an IPv6 address, or a sign that becomes a slash when it is normalised
        return HOME
    foreign = parts.scheme or parts.netloc or not text.startswith("/") or text.startswith("//") or "\\" in text
    return HOME if foreign or not text.isprintable() else text
