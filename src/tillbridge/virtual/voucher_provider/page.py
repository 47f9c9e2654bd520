"""The small page of a provider that is not there: its cards, what was booked, and its switches."""

from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import EUR, Money
from tillbridge.virtual.voucher_provider.books import Books, read_card
from tillbridge.virtual.voucher_provider.faults import Asked, Fault, Faults, read_switch
from tillbridge.virtual.voucher_provider.texts import TEXTS
from tillbridge.web.forms import read_form

Words = Mapping[str, str]

_HEAD: Final = """<!doctype html>
<html lang="{language}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/base.css">
  <link rel="stylesheet" href="/static/pieces.css">
  <link rel="stylesheet" href="/static/forms.css">
  <link rel="stylesheet" href="/static/provider.css">
</head>
<body>
<main id="main">
<h1>{title}</h1>
<p>{lead}</p>
"""


class Page:
    """The page and what its forms do."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books = books
        self._faults = faults

    def routes(self) -> list[Route]:
        """Every path."""
        return [
            Route("/", self.shown, methods=["GET"]),
            Route("/switches", self.switch, methods=["POST"]),
            Route("/cards", self.add, methods=["POST"]),
        ]

    async def shown(self, request: Request) -> Response:
        """The cards, the bookings, the switches."""
        return self._page(request)

    async def switch(self, request: Request) -> Response:
        """Switches something on, or everything off."""
        form = await read_form(request)
        if form.get("fault", "") == "":
            self._faults.put_back()
        else:
            try:
                times = form.get("times", "")
                self._faults.set(read_switch(f"{form.get('asked', '')}.{form['fault']}:{times}"))
            except BridgeError as error:
                return self._page(request, error.detail or "")
        return _back()

    async def add(self, request: Request) -> Response:
        """One more card."""
        form = await read_form(request)
        parts = [form.get("number", ""), form.get("cents", ""), form.get("pin", "")]
        try:
            card = read_card(":".join(parts).removesuffix(":"))
        except BridgeError as error:
            return self._page(request, error.detail or "")
        card.loaded = card.balance
        self._books.cards[card.number] = card
        return _back()

    def _page(self, request: Request, wrong: str = "") -> Response:
        language = _language(request.headers.get("accept-language", ""))
        t = TEXTS[language]
        parts = [
            _HEAD.format(language=language, title=t["title"], lead=t["lead"]),
            f'<p class="problem" role="alert">{escape(wrong)}</p>' if wrong else "",
            self._cards(t, language),
            self._bookings(t, language),
            self._switches(t),
            "</main></body></html>",
        ]
        return HTMLResponse("\n".join(parts), HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK)

    def _cards(self, t: Words, language: Language) -> str:
        rows = [
            (card.number, card.pin or t["none"], _amount(card.balance, language)) for card in self._books.cards.values()
        ]
        form = (
            '<form class="card" method="post" action="/cards">'
            f"{_field('number', t['number'], '[0-9]*')}{_field('cents', t['cents'], '[0-9]*')}"
            f"{_field('pin', t['pin'], '[0-9]*', required=False)}"
            f'<p class="actions"><button class="button" type="submit">{t["add"]}</button></p></form>'
        )
        return _table(t["cards"], (t["number"], t["pin"], t["balance"]), rows) + form

    def _bookings(self, t: Words, language: Language) -> str:
        rows = [
            (one.number, _amount(one.amount, language), _amount(one.balance, language)) for one in self._books.bookings
        ]
        if not rows:
            return f"<h2>{t['bookings']}</h2><p>{t['no_bookings']}</p>"
        return _table(t["bookings"], (t["number"], t["amount"], t["balance"]), rows)

    def _switches(self, t: Words) -> str:
        on = [(one.asked, one.fault, "∞" if one.times is None else str(one.times)) for one in self._faults.on]
        shown = _table(t["on"], (t["request"], t["fault"], t["times"]), on) if on else ""
        return (
            f'<h2>{t["switches"]}</h2>{shown}<form class="card" method="post" action="/switches">'
            f"{_choice('asked', t['request'], (Asked.REDEEM, Asked.BALANCE, Asked.CANCEL))}"
            f"{_choice('fault', t['fault'], ('', *Fault))}"
            f"{_field('times', t['times'], '[0-9]*', required=False)}"
            f'<p class="actions"><button class="button" type="submit">{t["switch"]}</button></p></form>'
        )


def _back() -> Response:
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


def _language(header: str) -> Language:
    for part in header.split(","):
        wanted = part.strip()[:2].lower()
        found = next((one for one in Language if one.value == wanted), None)
        if found is not None:
            return found
    return Language.EN


def _amount(minor: int, language: Language) -> str:
    sign = "-" if minor < 0 else ""
    return sign + Money(abs(minor), EUR).major("." if language is Language.EN else ",")


def _table(heading: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    named = f'class="scroll" tabindex="0" role="group" aria-label="{escape(heading)}"'
    return f"<h2>{escape(heading)}</h2><div {named}>{table}</div>"


def _field(name: str, label: str, pattern: str, *, required: bool = True) -> str:
    more = " required" if required else ""
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" pattern="{pattern}" inputmode="numeric" autocomplete="off"{more}></div>'
    )


def _choice(name: str, label: str, words: tuple[str, ...]) -> str:
    options = "".join(f'<option value="{word}">{word or "-"}</option>' for word in words)
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label>'
        f'<select id="{name}" name="{name}">{options}</select></div>'
    )
