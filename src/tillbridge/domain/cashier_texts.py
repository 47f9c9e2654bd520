"""One plain sentence for the person at the till, for everything that can come out of a payment.

No technical word and no blame: what happened and what to do now, in the language of the shop. Where it is not known
whether money moved, every sentence sends the cashier to the terminal before anything else is tried (law 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)


class Language(StrEnum):
    """The languages that a till's screen can be spoken to in (ISO 639-1)."""

    DE = "de"
    FR = "fr"
    CS = "cs"
    EN = "en"


class Moment(StrEnum):
    """What can be said to a cashier apart from the reasons of an outcome and the refusals."""

    PAID = "paid"
    PAID_IN_PART = "paid_in_part"
    PAID_BACK = "paid_back"
    HELD = "held"
    DONE = "done"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Said:
    """The same sentence in each language."""

    de: str
    fr: str
    cs: str
    en: str

    def to(self, language: Language) -> str:
        """The sentence in this language."""
        match language:
            case Language.DE:
                return self.de
            case Language.FR:
                return self.fr
            case Language.CS:
                return self.cs
            case Language.EN:
                return self.en
            case _:
                assert_never(language)


def outcome_text(kind: Kind, outcome: Outcome, language: Language, *, in_part: bool = False) -> str:
    """The sentence for an outcome; `in_part` says that less was approved than was asked."""
    return _said(kind, outcome, in_part).to(language)


def running_text(language: Language) -> str:
    """The sentence while the terminal is still at work and the till stops waiting."""
    return MOMENTS[Moment.RUNNING].to(language)


def _said(kind: Kind, outcome: Outcome, in_part: bool) -> Said:
    match outcome:
        case Approved():
            return MOMENTS[_approved(kind, in_part)]
        case Declined():
            return DECLINED[outcome.reason]
        case Aborted():
            return ABORTED[outcome.by]
        case NotStarted():
            return NOT_STARTED[outcome.reason]
        case InDoubt():
            return IN_DOUBT[outcome.reason]
        case _:
            assert_never(outcome)


def _approved(kind: Kind, in_part: bool) -> Moment:
    match kind:
        case Kind.SALE | Kind.CAPTURE:
            return Moment.PAID_IN_PART if in_part else Moment.PAID
        case Kind.REFUND:
            return Moment.PAID_BACK
        case Kind.AUTHORIZATION:
            return Moment.HELD
        case Kind.VOID | Kind.RECONCILIATION:
            return Moment.DONE
        case _:
            assert_never(kind)


MOMENTS: Final[Mapping[Moment, Said]] = {
    Moment.PAID: Said(
        de="Die Zahlung ist genehmigt.",
        fr="Le paiement est accepté.",
        cs="Platba byla schválena.",
        en="The payment is approved.",
    ),
    Moment.PAID_IN_PART: Said(
        de="Nur ein Teil des Betrags ist bezahlt: bitte den Rest kassieren.",
        fr="Une partie seulement du montant est payée : veuillez encaisser le reste.",
        cs="Zaplacena je jen část částky: vyberte prosím zbytek.",
        en="Only part of the amount is paid: please collect the rest.",
    ),
    Moment.PAID_BACK: Said(
        de="Die Gutschrift auf die Karte ist genehmigt.",
        fr="Le remboursement sur la carte est accepté.",
        cs="Vrácení peněz na kartu bylo schváleno.",
        en="The refund to the card is approved.",
    ),
    Moment.HELD: Said(
        de="Der Betrag ist auf der Karte reserviert.",
        fr="Le montant est réservé sur la carte.",
        cs="Částka je na kartě rezervována.",
        en="The amount is reserved on the card.",
    ),
    Moment.DONE: Said(
        de="Das Terminal hat den Vorgang ausgeführt.",
        fr="Le terminal a effectué l'opération.",
        cs="Terminál operaci provedl.",
        en="The terminal has done what was asked.",
    ),
    Moment.RUNNING: Said(
        de="Das Terminal arbeitet noch. Bitte dort nachsehen und nicht noch einmal kassieren.",
        fr="Le terminal travaille encore. Regardez son écran et n'encaissez pas une seconde fois.",
        cs="Terminál ještě pracuje. Podívejte se na něj a neúčtujte podruhé.",
        en="The terminal is still working. Please look at it and do not take the payment again.",
    ),
}

DECLINED: Final[Mapping[DeclineReason, Said]] = {
    DeclineReason.REFUSED: Said(
        de="Die Karte wurde abgelehnt. Es wurde nichts abgebucht.",
        fr="La carte a été refusée. Rien n'a été débité.",
        cs="Karta byla zamítnuta. Nic nebylo strženo.",
        en="The card was declined. Nothing was charged.",
    ),
    DeclineReason.FAILED: Said(
        de="Die Zahlung ist fehlgeschlagen. Es wurde nichts abgebucht.",
        fr="Le paiement a échoué. Rien n'a été débité.",
        cs="Platba se nezdařila. Nic nebylo strženo.",
        en="The payment failed. Nothing was charged.",
    ),
    DeclineReason.REFERRAL: Said(
        de="Die Bank verlangt einen Anruf. Es wurde nichts abgebucht: bitte eine andere Karte nehmen.",
        fr="La banque demande un appel. Rien n'a été débité : prenez une autre carte.",
        cs="Banka žádá telefonické ověření. Nic nebylo strženo: použijte jinou kartu.",
        en="The bank asks for a telephone call. Nothing was charged: please take another card.",
    ),
    DeclineReason.CONFIGURATION: Said(
        de="Das Terminal ist dafür nicht eingerichtet. Es wurde nichts abgebucht.",
        fr="Le terminal n'est pas configuré pour cela. Rien n'a été débité.",
        cs="Terminál na to není nastaven. Nic nebylo strženo.",
        en="The terminal is not set up for this. Nothing was charged.",
    ),
    DeclineReason.UNSPECIFIED: Said(
        de="Das Terminal hat die Zahlung nicht ausgeführt. Es wurde nichts abgebucht.",
        fr="Le terminal n'a pas effectué le paiement. Rien n'a été débité.",
        cs="Terminál platbu neprovedl. Nic nebylo strženo.",
        en="The terminal did not take the payment. Nothing was charged.",
    ),
}

ABORTED: Final[Mapping[AbortedBy, Said]] = {
    AbortedBy.CUSTOMER: Said(
        de="Die Kundin oder der Kunde hat abgebrochen. Es wurde nichts abgebucht.",
        fr="Le client a annulé. Rien n'a été débité.",
        cs="Zákazník platbu zrušil. Nic nebylo strženo.",
        en="The customer cancelled. Nothing was charged.",
    ),
    AbortedBy.CASHIER: Said(
        de="Die Zahlung wurde an der Kasse abgebrochen. Es wurde nichts abgebucht.",
        fr="Le paiement a été annulé à la caisse. Rien n'a été débité.",
        cs="Platba byla zrušena na pokladně. Nic nebylo strženo.",
        en="The payment was cancelled at the till. Nothing was charged.",
    ),
    AbortedBy.TIMEOUT: Said(
        de="Am Terminal hat zu lange niemand etwas getan. Es wurde nichts abgebucht.",
        fr="Personne n'a répondu au terminal à temps. Rien n'a été débité.",
        cs="U terminálu příliš dlouho nikdo nic neudělal. Nic nebylo strženo.",
        en="Nobody did anything at the terminal for too long. Nothing was charged.",
    ),
    AbortedBy.UNSPECIFIED: Said(
        de="Die Zahlung wurde abgebrochen. Es wurde nichts abgebucht.",
        fr="Le paiement a été annulé. Rien n'a été débité.",
        cs="Platba byla zrušena. Nic nebylo strženo.",
        en="The payment was cancelled. Nothing was charged.",
    ),
}

NOT_STARTED: Final[Mapping[NotStartedReason, Said]] = {
    NotStartedReason.TERMINAL_BUSY: Said(
        de="Das Terminal ist gerade mit etwas anderem beschäftigt. Bitte gleich noch einmal versuchen.",
        fr="Le terminal est occupé. Réessayez dans un instant.",
        cs="Terminál je právě zaneprázdněn. Zkuste to za chvíli znovu.",
        en="The terminal is busy with something else. Please try again in a moment.",
    ),
    NotStartedReason.TERMINAL_SILENT: Said(
        de="Das Terminal antwortet nicht. Bitte prüfen, ob es eingeschaltet ist, dann noch einmal versuchen.",
        fr="Le terminal ne répond pas. Vérifiez qu'il est allumé, puis réessayez.",
        cs="Terminál neodpovídá. Zkontrolujte, zda je zapnutý, a zkuste to znovu.",
        en="The terminal does not answer. Please check that it is switched on, then try again.",
    ),
    NotStartedReason.TERMINAL_REFUSED_MESSAGE: Said(
        de="Das Terminal hat die Anfrage nicht angenommen. Es wurde nichts abgebucht.",
        fr="Le terminal n'a pas accepté la demande. Rien n'a été débité.",
        cs="Terminál požadavek nepřijal. Nic nebylo strženo.",
        en="The terminal did not accept the request. Nothing was charged.",
    ),
    NotStartedReason.NETWORK_UNAVAILABLE: Said(
        de="Das Terminal ist im Netzwerk nicht erreichbar. Es wurde nichts abgebucht.",
        fr="Le terminal n'est pas joignable sur le réseau. Rien n'a été débité.",
        cs="Terminál není v síti dostupný. Nic nebylo strženo.",
        en="The terminal cannot be reached on the network. Nothing was charged.",
    ),
    NotStartedReason.PORT_UNAVAILABLE: Said(
        de="Das Terminal ist nicht angeschlossen. Bitte das Kabel prüfen, dann noch einmal versuchen.",
        fr="Le terminal n'est pas branché. Vérifiez le câble, puis réessayez.",
        cs="Terminál není připojen. Zkontrolujte kabel a zkuste to znovu.",
        en="The terminal is not connected. Please check the cable, then try again.",
    ),
    NotStartedReason.JOURNAL_UNAVAILABLE: Said(
        de="Dieser Computer kann nichts speichern. Es wurde nichts abgebucht: bitte Hilfe rufen.",
        fr="Cet ordinateur ne peut rien enregistrer. Rien n'a été débité : appelez l'assistance.",
        cs="Tento počítač nemůže nic uložit. Nic nebylo strženo: přivolejte pomoc.",
        en="This computer cannot store anything. Nothing was charged: please call for help.",
    ),
    NotStartedReason.CANNOT_EXPRESS: Said(
        de="Das Terminal kann diesen Vorgang nicht ausführen. Es wurde nichts abgebucht.",
        fr="Le terminal ne sait pas faire cette opération. Rien n'a été débité.",
        cs="Terminál tuto operaci neumí. Nic nebylo strženo.",
        en="The terminal cannot do this. Nothing was charged.",
    ),
    NotStartedReason.CONNECTOR_STOPPED: Said(
        de="Die Verbindung zum Terminal wurde vorher beendet. Es wurde nichts abgebucht: bitte noch einmal versuchen.",
        fr="La liaison avec le terminal s'est arrêtée avant. Rien n'a été débité : réessayez.",
        cs="Spojení s terminálem skončilo předtím. Nic nebylo strženo: zkuste to znovu.",
        en="The link to the terminal was stopped first. Nothing was charged: please try again.",
    ),
    NotStartedReason.DRIVER_FAULT: Said(
        de="Ein Fehler ist aufgetreten, bevor das Terminal gefragt wurde. Es wurde nichts abgebucht.",
        fr="Une erreur s'est produite avant d'interroger le terminal. Rien n'a été débité.",
        cs="Došlo k chybě dříve, než byl terminál dotázán. Nic nebylo strženo.",
        en="Something went wrong before the terminal was asked. Nothing was charged.",
    ),
    NotStartedReason.ABORTED_FIRST: Said(
        de="Die Zahlung wurde abgebrochen, bevor sie begann. Es wurde nichts abgebucht.",
        fr="Le paiement a été annulé avant de commencer. Rien n'a été débité.",
        cs="Platba byla zrušena dříve, než začala. Nic nebylo strženo.",
        en="The payment was cancelled before it began. Nothing was charged.",
    ),
}

IN_DOUBT: Final[Mapping[DoubtReason, Said]] = {
    DoubtReason.NO_ANSWER: Said(
        de="Das Terminal hat nicht geantwortet. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="Le terminal n'a pas répondu. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Terminál neodpověděl. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The terminal did not answer. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.LINE_LOST: Said(
        de="Die Verbindung ist abgerissen. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="La liaison a été coupée. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Spojení se přerušilo. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The connection was lost. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.ANSWER_UNREADABLE: Said(
        de="Die Antwort war nicht lesbar. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="La réponse était illisible. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Odpověď nebyla čitelná. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The answer could not be read. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.ANSWER_MISMATCH: Said(
        de="Die Antwort passt nicht zur Zahlung. Bitte am Terminal prüfen, was bezahlt wurde, und nichts wiederholen.",
        fr="La réponse ne correspond pas au paiement. Vérifiez sur le terminal ce qui est payé et ne recommencez pas.",
        cs="Odpověď neodpovídá platbě. Ověřte na terminálu, co bylo zaplaceno, a nic neopakujte.",
        en="The answer does not fit the payment. Please check on the terminal what was paid and repeat nothing.",
    ),
    DoubtReason.ANSWER_NOT_FINAL: Said(
        de="Das Terminal war noch nicht fertig. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="Le terminal n'avait pas fini. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Terminál ještě neskončil. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The terminal had not finished. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.ANSWER_CONTRADICTORY: Said(
        de="Die Antwort widerspricht sich. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="La réponse se contredit. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Odpověď si odporuje. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The answer contradicts itself. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.CONNECTOR_STOPPED: Said(
        de="Die Zahlung wurde unterbrochen. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="Le paiement a été interrompu. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Platba byla přerušena. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="The payment was interrupted. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.JOURNAL_UNAVAILABLE: Said(
        de="Das Ergebnis konnte nicht gespeichert werden. Bitte am Terminal prüfen, ob bezahlt wurde, und Hilfe rufen.",
        fr="Le résultat n'a pas pu être enregistré. Vérifiez sur le terminal si c'est payé et appelez l'assistance.",
        cs="Výsledek se nepodařilo uložit. Ověřte na terminálu, zda je zaplaceno, a přivolejte pomoc.",
        en="The result could not be stored. Please check on the terminal whether it was paid and call for help.",
    ),
    DoubtReason.DRIVER_FAULT: Said(
        de="Ein Fehler ist aufgetreten. Bitte am Terminal prüfen, ob bezahlt wurde, bevor man wiederholt.",
        fr="Une erreur s'est produite. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Došlo k chybě. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="Something went wrong. Please check on the terminal whether it was paid before repeating anything.",
    ),
    DoubtReason.SIGNATURE_REFUSED: Said(
        de="Die Unterschrift wurde abgelehnt, die Rückbuchung ist noch nicht bestätigt. Bitte am Terminal prüfen.",
        fr="La signature a été refusée, l'annulation n'est pas encore confirmée. Vérifiez sur le terminal.",
        cs="Podpis byl odmítnut, zrušení platby ještě není potvrzeno. Ověřte stav na terminálu.",
        en="The signature was refused and the reversal is not confirmed yet. Please check on the terminal.",
    ),
    DoubtReason.ABORTED_TOO_LATE: Said(
        de="Die Karte war schneller als der Abbruch, die Rückbuchung ist noch offen. Bitte am Terminal prüfen.",
        fr="La carte a été plus rapide que l'annulation, qui n'est pas encore confirmée. Vérifiez sur le terminal.",
        cs="Karta byla rychlejší než zrušení, které ještě není potvrzeno. Ověřte stav na terminálu.",
        en="The card was faster than the abort, and the reversal is not confirmed yet. Please check on the terminal.",
    ),
    DoubtReason.REVERSAL_ASKED: Said(
        de="Das Terminal ist sich nicht sicher und bucht zurück. Bitte am Terminal prüfen, bevor man wiederholt.",
        fr="Le terminal a un doute et annule le paiement. Vérifiez sur le terminal avant de recommencer.",
        cs="Terminál si není jistý a platbu ruší. Než cokoli zopakujete, ověřte stav na terminálu.",
        en="The terminal is not sure and takes the payment back. Please check on the terminal before repeating.",
    ),
}
