"""The slips of vouchers as lines with a meaning: what is on one, what an action came to, and what goes back.

A slip claims no balance that the portal has not confirmed: what is not known yet gives a slip that says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language, Said
from tillbridge.domain.cashier_vouchers import PUT_BACK_SLIP
from tillbridge.domain.money import Money
from tillbridge.domain.receipt import Copy, Heading, Line, Pair, Receipt, Rule, Words, amount_text
from tillbridge.domain.receipt_texts import DATES


class SlipKind(StrEnum):
    """What a slip is about."""

    BALANCE = "balance"
    REDEEMED = "redeemed"
    LOADED = "loaded"
    UNCHECKED = "unchecked"
    NOT_KNOWN = "not_known"
    GOING_BACK = "going_back"
    BACK = "back"
    REVERSED = "reversed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class VoucherSlip:
    """What stands on it. `number` is masked; `balance` is what the portal has confirmed, `at` in the shop's own zone.

    `state` is one of the voucher's states as its texts call them. `location` is the name that the portal knows. What is
    None or empty is left out.
    """

    kind: SlipKind
    number: str
    at: datetime
    balance: Money | None = None
    amount: Money | None = None
    state: str = ""
    location: str = ""
    receipt: str = ""
    key: str = ""
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()


def build_slip(slip: VoucherSlip, language: Language) -> Receipt:
    """The lines, from top to bottom."""
    return Receipt(language, Copy.CUSTOMER, tuple(_lines(slip, language)))


def printable(slip: VoucherSlip) -> VoucherSlip:
    """Without control characters, which a printer takes for commands, in what others have typed."""
    return replace(
        slip,
        number=_plain(slip.number),
        location=_plain(slip.location),
        receipt=_plain(slip.receipt),
        key=_plain(slip.key),
    )


def _lines(slip: VoucherSlip, language: Language) -> Iterator[Line]:
    slip = printable(slip)
    yield from (Words(_plain(line)) for line in slip.header)
    yield Heading(_TITLES[slip.kind].to(language))
    yield Rule()
    for label, value in _facts(slip, language):
        if value:
            yield Pair(_LABELS[label].to(language), value)
    yield Rule()
    if slip.amount is not None and slip.kind is not SlipKind.GOING_BACK:
        yield Pair(_LABELS["amount"].to(language), amount_text(slip.amount, language), strong=True)
    if slip.balance is not None:
        yield Pair(_LABELS["balance"].to(language), amount_text(slip.balance, language), strong=True)
    if slip.kind is SlipKind.GOING_BACK and slip.amount is not None:
        yield Words(PUT_BACK_SLIP.to(language).format(amount=amount_text(slip.amount, language), key=slip.key))
    elif (said := _NOTES.get(slip.kind)) is not None:
        yield Words(said.to(language))
    yield from (Words(_plain(line)) for line in slip.footer)


def _facts(slip: VoucherSlip, language: Language) -> Iterator[tuple[str, str]]:
    yield "voucher", slip.number
    yield "state", _STATES[slip.state].to(language) if slip.state else ""
    yield "location", slip.location
    yield "receipt", slip.receipt
    yield "as_of", slip.at.strftime(f"{DATES[language]} %H:%M:%S")
    yield "key", slip.key


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text.strip())


_TITLES: Final[Mapping[SlipKind, Said]] = {
    SlipKind.BALANCE: Said(de="Gutschein: Guthaben", fr="Bon : crédit", cs="Poukaz: zůstatek", en="Voucher: balance"),
    SlipKind.REDEEMED: Said(de="Gutschein eingelöst", fr="Bon utilisé", cs="Poukaz uplatněn", en="Voucher redeemed"),
    SlipKind.LOADED: Said(de="Gutschein aufgeladen", fr="Bon chargé", cs="Poukaz nabit", en="Voucher loaded"),
    SlipKind.UNCHECKED: Said(
        de="Gutschein angenommen, nicht geprüft",
        fr="Bon accepté, non vérifié",
        cs="Poukaz přijat, neověřeno",
        en="Voucher taken, not checked",
    ),
    SlipKind.NOT_KNOWN: Said(
        de="Gutschein: noch nicht bekannt",
        fr="Bon : pas encore connu",
        cs="Poukaz: zatím není známo",
        en="Voucher: not known yet",
    ),
    SlipKind.GOING_BACK: Said(
        de="Gutschein: Rückgabe", fr="Bon : remboursement", cs="Poukaz: vrácení", en="Voucher: put back"
    ),
    SlipKind.BACK: Said(
        de="Gutschein: zurückgegeben", fr="Bon : recrédité", cs="Poukaz: vráceno", en="Voucher: money is back"
    ),
    SlipKind.REVERSED: Said(
        de="Aufladung zurückgenommen", fr="Chargement annulé", cs="Nabití vzato zpět", en="Load taken back"
    ),
    SlipKind.NOTHING: Said(
        de="Gutschein: nichts gebucht",
        fr="Bon : rien comptabilisé",
        cs="Poukaz: nic nezaúčtováno",
        en="Voucher: nothing booked",
    ),
}

_NOTES: Final[Mapping[SlipKind, Said]] = {
    SlipKind.UNCHECKED: Said(
        de="Ohne Verbindung angenommen: Guthaben und PIN sind nicht geprüft.",
        fr="Accepté sans connexion : ni le crédit ni le PIN ne sont vérifiés.",
        cs="Přijato bez spojení: zůstatek ani PIN nejsou ověřeny.",
        en="Taken without a connection: neither the balance nor the PIN is checked.",
    ),
    SlipKind.NOT_KNOWN: Said(
        de="Das Ergebnis ist noch nicht da. Dieser Beleg bestätigt keine Zahlung und kein Guthaben.",
        fr="Le résultat n'est pas encore connu. Ce ticket ne prouve ni paiement ni crédit.",
        cs="Výsledek ještě není znám. Tento lístek nepotvrzuje platbu ani zůstatek.",
        en="The result is not there yet. This slip proves neither a payment nor a balance.",
    ),
    SlipKind.NOTHING: Said(
        de="Auf dem Gutschein hat sich nichts geändert.",
        fr="Rien n'a changé sur le bon.",
        cs="Na poukazu se nic nezměnilo.",
        en="Nothing has changed on the voucher.",
    ),
}

_LABELS: Final[Mapping[str, Said]] = {
    "voucher": Said(de="Gutschein", fr="Bon", cs="Poukaz", en="Voucher"),
    "state": Said(de="Zustand", fr="État", cs="Stav", en="State"),
    "location": Said(de="Standort", fr="Établissement", cs="Provozovna", en="Location"),
    "receipt": Said(de="Beleg", fr="Ticket", cs="Účtenka", en="Receipt"),
    "as_of": Said(de="Stand", fr="Au", cs="Stav k", en="As of"),
    "key": Said(de="Kennung", fr="Référence", cs="Značka", en="Reference"),
    "amount": Said(de="Betrag", fr="Montant", cs="Částka", en="Amount"),
    "balance": Said(de="Guthaben", fr="Crédit", cs="Zůstatek", en="Balance"),
}

_STATES: Final[Mapping[str, Said]] = {
    "retired": Said(de="ersetzt", fr="remplacé", cs="nahrazen", en="replaced"),
    "blocked": Said(de="gesperrt", fr="bloqué", cs="zablokován", en="blocked"),
    "produced": Said(de="nicht freigeschaltet", fr="non activé", cs="neaktivován", en="not activated"),
    "expired": Said(de="verfallen", fr="expiré", cs="propadl", en="expired"),
    "loaded": Said(de="hat Guthaben", fr="créditeur", cs="má zůstatek", en="has credit"),
    "emptied": Said(de="aufgebraucht", fr="épuisé", cs="vyčerpán", en="used up"),
    "activated": Said(de="noch leer", fr="encore vide", cs="zatím prázdný", en="still empty"),
}
