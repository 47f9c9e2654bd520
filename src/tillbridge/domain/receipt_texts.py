"""The words of a receipt, in each language of the shop."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tillbridge.domain.card import EntryMode
from tillbridge.domain.cashier_texts import Language, Said
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Side


class Word(StrEnum):
    """What stands on a receipt apart from the shop's own lines and the values."""

    CUSTOMER_COPY = "customer_copy"
    MERCHANT_COPY = "merchant_copy"
    DUPLICATE = "duplicate"
    DATE = "date"
    TIME = "time"
    TERMINAL = "terminal"
    ORDER = "order"
    CONTRACT = "contract"
    CARD = "card"
    ENTRY = "entry"
    APPLICATION = "application"
    AID = "aid"
    AUTHORIZATION_CODE = "authorization_code"
    REFERENCE = "reference"
    PAYMENT = "payment"
    AMOUNT = "amount"
    ASKED = "asked"
    APPROVED = "approved"
    RESERVED = "reserved"
    DECLINED = "declined"
    ABORTED = "aborted"
    NOT_STARTED = "not_started"
    NOTHING_MOVED = "nothing_moved"
    SIGNATURE = "signature"
    NOTE = "note"
    IN_DOUBT = "in_doubt"
    NO_RECEIPT = "no_receipt"


DATES: Final[Mapping[Language, str]] = {
    Language.DE: "%d.%m.%Y",
    Language.FR: "%d/%m/%Y",
    Language.CS: "%d.%m.%Y",
    Language.EN: "%Y-%m-%d",
}

DECIMAL_MARKS: Final[Mapping[Language, str]] = {
    Language.DE: ",",
    Language.FR: ",",
    Language.CS: ",",
    Language.EN: ".",
}

TITLES: Final[Mapping[Kind, Said]] = {
    Kind.SALE: Said(de="Kartenzahlung", fr="Paiement par carte", cs="Platba kartou", en="Card payment"),
    Kind.REFUND: Said(de="Gutschrift", fr="Remboursement", cs="Vrácení peněz", en="Refund"),
    Kind.AUTHORIZATION: Said(de="Reservierung", fr="Préautorisation", cs="Předautorizace", en="Authorization"),
    Kind.CAPTURE: Said(
        de="Buchung der Reservierung",
        fr="Encaissement de la préautorisation",
        cs="Dokončení předautorizace",
        en="Capture of an authorization",
    ),
    Kind.VOID: Said(de="Storno", fr="Annulation", cs="Storno", en="Void"),
    Kind.RECONCILIATION: Said(de="Kassenschnitt", fr="Télécollecte", cs="Uzávěrka", en="End of day"),
}

ENTRY_MODES: Final[Mapping[EntryMode, Said]] = {
    EntryMode.CONTACT: Said(de="Chip", fr="Puce", cs="Čip", en="Chip"),
    EntryMode.CONTACTLESS: Said(de="Kontaktlos", fr="Sans contact", cs="Bezkontaktně", en="Contactless"),
    EntryMode.MAGSTRIPE: Said(
        de="Magnetstreifen", fr="Piste magnétique", cs="Magnetický proužek", en="Magnetic stripe"
    ),
    EntryMode.MANUAL: Said(de="Von Hand", fr="Saisie manuelle", cs="Ručně", en="Keyed in"),
}

SIDES: Final[Mapping[Side, Said]] = {
    Side.DEBITS: Said(de="Zahlungen", fr="Débits", cs="Platby", en="Payments"),
    Side.CREDITS: Said(de="Gutschriften", fr="Crédits", cs="Vrácené platby", en="Refunds"),
    Side.ADJUSTMENTS: Said(de="Korrekturen", fr="Ajustements", cs="Opravy", en="Adjustments"),
}

WORDS: Final[Mapping[Word, Said]] = {
    Word.CUSTOMER_COPY: Said(de="Kundenbeleg", fr="Ticket client", cs="Účtenka pro zákazníka", en="Customer copy"),
    Word.MERCHANT_COPY: Said(
        de="Händlerbeleg", fr="Ticket commerçant", cs="Účtenka pro obchodníka", en="Merchant copy"
    ),
    Word.DUPLICATE: Said(de="KOPIE", fr="DUPLICATA", cs="KOPIE", en="COPY"),
    Word.DATE: Said(de="Datum", fr="Date", cs="Datum", en="Date"),
    Word.TIME: Said(de="Uhrzeit", fr="Heure", cs="Čas", en="Time"),
    Word.TERMINAL: Said(de="Terminal", fr="Terminal", cs="Terminál", en="Terminal"),
    Word.ORDER: Said(de="Bestellung", fr="Commande", cs="Objednávka", en="Order"),
    Word.CONTRACT: Said(de="Vertrag", fr="Contrat", cs="Smlouva", en="Contract"),
    Word.CARD: Said(de="Karte", fr="Carte", cs="Karta", en="Card"),
    Word.ENTRY: Said(de="Gelesen", fr="Lecture", cs="Načtení", en="Read by"),
    Word.APPLICATION: Said(de="Anwendung", fr="Application", cs="Aplikace", en="Application"),
    Word.AID: Said(de="AID", fr="AID", cs="AID", en="AID"),
    Word.AUTHORIZATION_CODE: Said(de="Genehmigung", fr="Autorisation", cs="Autorizační kód", en="Authorization code"),
    Word.REFERENCE: Said(de="Beleg-Nr.", fr="Référence", cs="Reference", en="Reference"),
    Word.PAYMENT: Said(de="Vorgang", fr="Opération", cs="Operace", en="Payment"),
    Word.AMOUNT: Said(de="Betrag", fr="Montant", cs="Částka", en="Amount"),
    Word.ASKED: Said(de="Verlangt", fr="Demandé", cs="Požadováno", en="Asked for"),
    Word.APPROVED: Said(de="GENEHMIGT", fr="ACCEPTÉ", cs="SCHVÁLENO", en="APPROVED"),
    Word.RESERVED: Said(
        de="Der Betrag ist nur reserviert.",
        fr="Le montant est seulement réservé.",
        cs="Částka je pouze rezervována.",
        en="The amount is only held.",
    ),
    Word.DECLINED: Said(de="ABGELEHNT", fr="REFUSÉ", cs="ZAMÍTNUTO", en="DECLINED"),
    Word.ABORTED: Said(de="ABGEBROCHEN", fr="ABANDONNÉ", cs="PŘERUŠENO", en="ABORTED"),
    Word.NOT_STARTED: Said(de="NICHT AUSGEFÜHRT", fr="NON EFFECTUÉ", cs="NEPROVEDENO", en="NOT CARRIED OUT"),
    Word.NOTHING_MOVED: Said(
        de="Es wurde kein Geld bewegt.",
        fr="Aucun mouvement d'argent.",
        cs="Žádné peníze se nepohnuly.",
        en="No money moved.",
    ),
    Word.SIGNATURE: Said(de="Unterschrift", fr="Signature", cs="Podpis", en="Signature"),
    Word.NOTE: Said(de="HINWEIS", fr="AVIS", cs="UPOZORNĚNÍ", en="NOTE"),
    Word.IN_DOUBT: Said(
        de="Es ist noch nicht bekannt, ob bezahlt wurde. Der Laden klärt das und gibt Bescheid.",
        fr="On ne sait pas encore si le paiement est passé. Le magasin le vérifie et vous informera.",
        cs="Zatím není známo, zda byla platba provedena. Obchod to ověří a dá vědět.",
        en="It is not known yet whether this was paid. The shop is finding out and will say.",
    ),
    Word.NO_RECEIPT: Said(
        de="Das ist kein Beleg über eine Zahlung.",
        fr="Ceci n'est pas un justificatif de paiement.",
        cs="Toto není doklad o zaplacení.",
        en="This is no receipt for a payment.",
    ),
}
