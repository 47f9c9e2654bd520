"""What a cashier reads when a request is refused: one plain sentence for every code of the catalogue.

A refused request charged nothing; only where that cannot be promised does the sentence leave it out. The rest of what
a till can say stands in `cashier_texts`; the sentences about the portal and the link to it in `cashier_link`, those
about vouchers in `cashier_vouchers`.
"""

from collections.abc import Mapping
from typing import Final

from tillbridge.domain.cashier_link import LINK_REFUSED
from tillbridge.domain.cashier_texts import Language, Said
from tillbridge.domain.cashier_vouchers import VOUCHER_REFUSED
from tillbridge.domain.errors import Code


def refusal_text(code: Code, language: Language) -> str:
    """The sentence for a refusal."""
    return REFUSED[code].to(language)


REFUSED: Final[Mapping[Code, Said]] = {
    Code.BODY_INVALID: Said(
        de="Die Kasse hat etwas Unlesbares geschickt. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="La caisse a envoyé une demande illisible. Rien n'a été débité : appelez l'assistance.",
        cs="Pokladna poslala nečitelný požadavek. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="The till sent something that cannot be read. Nothing was charged: please call the till's support.",
    ),
    Code.BODY_TOO_LARGE: Said(
        de="Die Kasse hat zu viele Angaben geschickt. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="La caisse a envoyé trop d'informations. Rien n'a été débité : appelez l'assistance.",
        cs="Pokladna poslala příliš mnoho údajů. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="The till sent too much. Nothing was charged: please call the till's support.",
    ),
    Code.FIELD_INVALID: Said(
        de="Eine Angabe der Kasse ist falsch. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="Une indication de la caisse est fausse. Rien n'a été débité : appelez l'assistance.",
        cs="Jeden z údajů pokladny je chybný. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="Something that the till sent is wrong. Nothing was charged: please call the till's support.",
    ),
    Code.AMOUNT_INVALID: Said(
        de="Der Betrag ist ungültig. Es wurde nichts abgebucht: bitte den Betrag prüfen.",
        fr="Le montant n'est pas valable. Rien n'a été débité : vérifiez le montant.",
        cs="Částka je neplatná. Nic nebylo strženo: zkontrolujte částku.",
        en="The amount is not valid. Nothing was charged: please check the amount.",
    ),
    Code.CURRENCY_UNKNOWN: Said(
        de="Die Währung ist unbekannt. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="La monnaie est inconnue. Rien n'a été débité : appelez l'assistance.",
        cs="Měna není známa. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="The currency is unknown. Nothing was charged: please call the till's support.",
    ),
    Code.UNAUTHENTICATED: Said(
        de="Die Anmeldung der Kasse wurde nicht angenommen. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="L'identification de la caisse a été refusée. Rien n'a été débité : appelez l'assistance.",
        cs="Přihlášení pokladny nebylo přijato. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="The till's login was not accepted. Nothing was charged: please call the till's support.",
    ),
    Code.HOST_NOT_ALLOWED: Said(
        de="Die Kasse spricht die falsche Adresse an. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="La caisse utilise une mauvaise adresse. Rien n'a été débité : appelez l'assistance.",
        cs="Pokladna používá špatnou adresu. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="The till uses the wrong address. Nothing was charged: please call the till's support.",
    ),
    Code.ORIGIN_NOT_ALLOWED: Said(
        de="Eine fremde Webseite wollte kassieren. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="Un site étranger a tenté d'encaisser. Rien n'a été débité : appelez l'assistance.",
        cs="O platbu se pokusila cizí webová stránka. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="A web page of somebody else tried to take a payment. Nothing was charged: please call the till's support.",
    ),
    Code.RATE_LIMITED: Said(
        de="Es gab zu viele Versuche. Es wurde nichts abgebucht: bitte eine Minute warten.",
        fr="Il y a eu trop de tentatives. Rien n'a été débité : attendez une minute.",
        cs="Bylo příliš mnoho pokusů. Nic nebylo strženo: počkejte minutu.",
        en="There were too many attempts. Nothing was charged: please wait a minute.",
    ),
    Code.PATH_UNKNOWN: Said(
        de="Die Kasse fragt nach etwas, das es hier nicht gibt. Es wurde nichts abgebucht.",
        fr="La caisse demande quelque chose qui n'existe pas ici. Rien n'a été débité.",
        cs="Pokladna žádá o něco, co tu není. Nic nebylo strženo.",
        en="The till asks for something that does not exist here. Nothing was charged.",
    ),
    Code.METHOD_NOT_ALLOWED: Said(
        de="Die Kasse fragt auf eine Weise, die hier nicht geht. Es wurde nichts abgebucht.",
        fr="La caisse fait une demande impossible ici. Rien n'a été débité.",
        cs="Pokladna žádá způsobem, který tu není možný. Nic nebylo strženo.",
        en="The till asks in a way that does not work here. Nothing was charged.",
    ),
    Code.TERMINAL_UNKNOWN: Said(
        de="Dieses Terminal gibt es hier nicht. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="Ce terminal n'existe pas ici. Rien n'a été débité : appelez l'assistance.",
        cs="Takový terminál tu není. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="There is no such terminal here. Nothing was charged: please call the till's support.",
    ),
    Code.TERMINAL_BUSY: Said(
        de="Am Terminal läuft schon eine Zahlung. Bitte warten, bis sie fertig ist, dann noch einmal versuchen.",
        fr="Un autre paiement est en cours sur le terminal. Attendez la fin, puis réessayez.",
        cs="Na terminálu už probíhá jiná platba. Počkejte, až skončí, a zkuste to znovu.",
        en="Another payment is running on the terminal. Please wait until it is over, then try again.",
    ),
    Code.TERMINAL_LOCKED: Said(
        de="Bei einer früheren Zahlung ist unklar, ob bezahlt wurde. Bitte zuerst am Terminal prüfen und das klären.",
        fr="On ne sait pas si un paiement précédent est passé. Vérifiez d'abord sur le terminal et réglez ce cas.",
        cs="U dřívější platby není jasné, zda byla zaplacena. Nejprve to ověřte na terminálu a vyřešte.",
        en="It is not clear whether an earlier payment was taken. Please check on the terminal and settle that first.",
    ),
    Code.DOOR_HELD: Said(
        de="Eine genehmigte Zahlung ist nicht bei der Kasse angekommen. Bitte zuerst diese klären.",
        fr="Un paiement accepté n'est pas arrivé à la caisse. Réglez d'abord ce cas.",
        cs="Schválená platba se nedostala do pokladny. Nejprve ji vyřešte.",
        en="An approved payment did not reach the till. Please settle that one first.",
    ),
    Code.OPERATION_UNSUPPORTED: Said(
        de="Das kann dieses Terminal nicht. Es wurde nichts abgebucht.",
        fr="Ce terminal ne sait pas faire cela. Rien n'a été débité.",
        cs="Tohle terminál neumí. Nic nebylo strženo.",
        en="This terminal cannot do that. Nothing was charged.",
    ),
    Code.CURRENCY_UNSUPPORTED: Said(
        de="Dieses Terminal nimmt diese Währung nicht. Es wurde nichts abgebucht.",
        fr="Ce terminal n'accepte pas cette monnaie. Rien n'a été débité.",
        cs="Terminál tuto měnu nepřijímá. Nic nebylo strženo.",
        en="This terminal does not take that currency. Nothing was charged.",
    ),
    Code.AMOUNT_TOO_LARGE: Said(
        de="Der Betrag ist zu groß für dieses Terminal. Es wurde nichts abgebucht.",
        fr="Le montant est trop élevé pour ce terminal. Rien n'a été débité.",
        cs="Částka je pro terminál příliš vysoká. Nic nebylo strženo.",
        en="The amount is too large for this terminal. Nothing was charged.",
    ),
    Code.KEY_REQUIRED: Said(
        de="Der Kasse fehlt für diesen Vorgang eine Kennung. Es ist kein Geld geflossen: bitte den Kassendienst rufen.",
        fr="Il manque à la caisse un identifiant. Aucun mouvement d'argent : appelez l'assistance.",
        cs="Pokladně chybí pro tuto operaci identifikátor. Žádné peníze se nepohnuly: zavolejte podporu pokladny.",
        en="The till left out something that this needs. No money moved: please call the till's support.",
    ),
    Code.KEY_CONFLICT: Said(
        de="Die Kasse hat eine Kennung zweimal verwendet. Damit wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="La caisse a utilisé deux fois le même identifiant. Cette demande n'a rien débité : appelez l'assistance.",
        cs="Pokladna použila stejný identifikátor dvakrát. Tento požadavek nic nestrhl: zavolejte podporu pokladny.",
        en="The till used the same identifier twice. This request charged nothing: please call the till's support.",
    ),
    Code.ORDER_CONFLICT: Said(
        de="Zu dieser Bestellung gibt es schon eine Zahlung mit anderem Betrag. Bitte zuerst nachsehen.",
        fr="Un paiement d'un autre montant existe déjà pour cette commande. Vérifiez d'abord.",
        cs="K této objednávce už existuje platba s jinou částkou. Nejprve ji zkontrolujte.",
        en="There is already a payment with another amount for this order. Please look at it first.",
    ),
    Code.PAYMENT_UNKNOWN: Said(
        de="Diese Zahlung gibt es hier nicht.",
        fr="Ce paiement n'existe pas ici.",
        cs="Taková platba tu není.",
        en="There is no such payment here.",
    ),
    Code.ALREADY_CLOSED: Said(
        de="Diese Zahlung ist schon geklärt.",
        fr="Ce paiement est déjà réglé.",
        cs="Tato platba je již vyřešena.",
        en="This payment is already settled.",
    ),
    Code.STILL_RUNNING: Said(
        de="Die Zahlung läuft noch am Terminal. Bitte dort nachsehen.",
        fr="Le paiement est encore en cours sur le terminal. Regardez son écran.",
        cs="Platba na terminálu ještě probíhá. Podívejte se na něj.",
        en="The payment is still running on the terminal. Please look there.",
    ),
    Code.NOTHING_TO_SIGN: Said(
        de="Bei dieser Zahlung wartet keine Unterschrift auf eine Prüfung. Bitte die Zahlung ansehen.",
        fr="Aucune signature n'est à vérifier pour ce paiement. Regardez le paiement.",
        cs="U této platby se žádný podpis neověřuje. Podívejte se na platbu.",
        en="No signature is waiting to be checked for this payment. Please look at the payment.",
    ),
    Code.PARENT_REQUIRED: Said(
        de="Es fehlt, auf welche Zahlung sich das bezieht. Es wurde nichts gebucht: bitte die Zahlung auswählen.",
        fr="Le paiement d'origine n'est pas indiqué. Rien n'a été comptabilisé : choisissez le paiement.",
        cs="Chybí, ke které platbě se to vztahuje. Nic nebylo zaúčtováno: vyberte platbu.",
        en="It is not said which payment is meant. Nothing was booked: please choose the payment.",
    ),
    Code.PARENT_UNFIT: Said(
        de="Mit der früheren Zahlung geht das nicht. Es wurde nichts gebucht: bitte die Zahlung ansehen.",
        fr="Ce n'est pas possible avec ce paiement. Rien n'a été comptabilisé : regardez le paiement d'origine.",
        cs="S původní platbou to nejde. Nic nebylo zaúčtováno: podívejte se na původní platbu.",
        en="That cannot be done with the earlier payment. Nothing was booked: please look at that payment.",
    ),
    Code.PARENT_SPENT: Said(
        de="Von der früheren Zahlung ist nicht mehr so viel übrig. Es wurde nichts gebucht: bitte den Betrag prüfen.",
        fr="Il ne reste pas autant sur ce paiement. Rien n'a été comptabilisé : vérifiez le montant.",
        cs="Z původní platby už tolik nezbývá. Nic nebylo zaúčtováno: zkontrolujte částku.",
        en="There is not that much left of the earlier payment. Nothing was booked: please check the amount.",
    ),
    Code.ADDRESS_NOT_ALLOWED: Said(
        de="Diese Kasse darf hier nicht bezahlen lassen. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="Cette caisse n'a pas accès au paiement. Rien n'a été débité : appelez l'assistance.",
        cs="Tato pokladna zde nemá přístup k platbám. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="This till may not take payments here. Nothing was charged: please call the till's support.",
    ),
    Code.SCOPE_MISSING: Said(
        de="Diese Kasse darf das nicht. Es wurde nichts abgebucht: bitte den Kassendienst rufen.",
        fr="Cette caisse n'a pas ce droit. Rien n'a été débité : appelez l'assistance.",
        cs="Tato pokladna k tomu nemá oprávnění. Nic nebylo strženo: zavolejte podporu pokladny.",
        en="This till may not do that. Nothing was charged: please call the till's support.",
    ),
    Code.WEBHOOK_UNKNOWN: Said(
        de="Diese Benachrichtigung gibt es nicht. Bitte den Kassendienst rufen.",
        fr="Cette notification n'existe pas. Appelez l'assistance.",
        cs="Toto upozornění neexistuje. Zavolejte podporu pokladny.",
        en="There is no such notification. Please call the till's support.",
    ),
    Code.RECEIVER_UNKNOWN: Said(
        de="Diese Meldung gibt es nicht. Bitte den Kassendienst rufen.",
        fr="Ce message n'existe pas. Appelez l'assistance.",
        cs="Toto hlášení neexistuje. Zavolejte podporu pokladny.",
        en="There is no such report. Please call the till's support.",
    ),
    Code.WEBHOOK_REFUSED: Said(
        de="Die Adresse der Benachrichtigung ist nicht erlaubt. Bitte den Kassendienst rufen.",
        fr="L'adresse de notification n'est pas autorisée. Appelez l'assistance.",
        cs="Adresa upozornění není povolena. Zavolejte podporu pokladny.",
        en="The address of the notification is not allowed. Please call the till's support.",
    ),
    Code.PRINTER_UNAVAILABLE: Said(
        de="Der Beleg konnte nicht gedruckt werden. An der Zahlung ändert das nichts: bitte den Drucker ansehen.",
        fr="Le ticket n'a pas pu être imprimé. Le paiement n'en dépend pas : regardez l'imprimante.",
        cs="Účtenku se nepodařilo vytisknout. Na platbě se tím nic nemění: zkontrolujte tiskárnu.",
        en="The receipt could not be printed. That changes nothing about the payment: please look at the printer.",
    ),
    Code.JOURNAL_UNAVAILABLE: Said(
        de="Dieser Computer kann nichts speichern. Es wurde nichts abgebucht: bitte Hilfe rufen.",
        fr="Cet ordinateur ne peut rien enregistrer. Rien n'a été débité : appelez l'assistance.",
        cs="Tento počítač nemůže nic uložit. Nic nebylo strženo: přivolejte pomoc.",
        en="This computer cannot store anything. Nothing was charged: please call for help.",
    ),
    Code.CONNECTOR_STOPPING: Said(
        de="Das Kartenprogramm wird gerade beendet. Es wurde nichts abgebucht: bitte gleich noch einmal versuchen.",
        fr="Le programme de paiement s'arrête. Rien n'a été débité : réessayez dans un instant.",
        cs="Platební program se právě ukončuje. Nic nebylo strženo: zkuste to za chvíli znovu.",
        en="The payment program is stopping. Nothing was charged: please try again in a moment.",
    ),
    Code.SETTINGS_INVALID: Said(
        de="Die Einstellungen des Kartenprogramms sind falsch. Bitte Hilfe rufen.",
        fr="Les réglages du programme de paiement sont faux. Appelez l'assistance.",
        cs="Nastavení platebního programu je chybné. Přivolejte pomoc.",
        en="The payment program's settings are wrong. Please call for help.",
    ),
    Code.PORT_TAKEN: Said(
        de="Ein anderes Programm belegt den Anschluss des Kartenprogramms. Bitte Hilfe rufen.",
        fr="Un autre programme occupe le port du programme de paiement. Appelez l'assistance.",
        cs="Port platebního programu používá jiný program. Přivolejte pomoc.",
        en="Another program uses the payment program's port. Please call for help.",
    ),
    Code.FOLDER_IN_USE: Said(
        de="Das Kartenprogramm läuft schon. Bitte Hilfe rufen, wenn keine Zahlung möglich ist.",
        fr="Le programme de paiement tourne déjà. Appelez l'assistance si aucun paiement n'est possible.",
        cs="Platební program už běží. Pokud nelze platit, přivolejte pomoc.",
        en="The payment program is already running. Please call for help if no payment is possible.",
    ),
    Code.FOLDER_UNUSABLE: Said(
        de="Das Kartenprogramm kann seine Daten nicht lesen oder schreiben. Bitte Hilfe rufen.",
        fr="Le programme de paiement ne peut ni lire ni écrire ses données. Appelez l'assistance.",
        cs="Platební program nemůže číst ani zapisovat svá data. Přivolejte pomoc.",
        en="The payment program cannot read or write its records. Please call for help.",
    ),
    Code.JOURNAL_TOO_NEW: Said(
        de="Das Kartenprogramm ist zu alt für seine Daten. Bitte Hilfe rufen.",
        fr="Le programme de paiement est trop ancien pour ses données. Appelez l'assistance.",
        cs="Platební program je na svá data příliš starý. Přivolejte pomoc.",
        en="The payment program is too old for its records. Please call for help.",
    ),
    Code.SECRETS_UNREADABLE: Said(
        de="Die gespeicherten Kennwörter des Kartenprogramms sind nicht lesbar. Bitte Hilfe rufen.",
        fr="Les mots de passe enregistrés du programme de paiement sont illisibles. Appelez l'assistance.",
        cs="Uložená hesla platebního programu nelze přečíst. Přivolejte pomoc.",
        en="The payment program's stored passwords cannot be read. Please call for help.",
    ),
    Code.BUNDLE_UNSAFE: Said(
        de="Das Supportpaket wurde nicht geschrieben: etwas darin darf diesen Computer nicht verlassen.",
        fr="L'archive d'assistance n'a pas été écrite : elle contient ce qui ne doit pas quitter cet ordinateur.",
        cs="Balíček pro podporu nebyl zapsán: něco v něm nesmí opustit tento počítač.",
        en="The support bundle was not written: something in it must not leave this computer.",
    ),
    Code.UPDATE_UNREACHABLE: Said(
        de="Nach einer neuen Version konnte nicht gefragt werden. Es wird von selbst wieder versucht.",
        fr="La recherche d'une nouvelle version a échoué. Un nouvel essai aura lieu tout seul.",
        cs="Na novou verzi se nepodařilo zeptat. Pokus se sám zopakuje.",
        en="It was not possible to ask for a new version. It is tried again by itself.",
    ),
    Code.UPDATE_UNTRUSTED: Said(
        de="Eine neue Version war nicht vertrauenswürdig und wurde nicht verwendet. Bitte Hilfe rufen.",
        fr="Une nouvelle version n'était pas digne de confiance et n'a pas été utilisée. Appelez l'assistance.",
        cs="Nová verze nebyla důvěryhodná a nebyla použita. Přivolejte pomoc.",
        en="A new version could not be trusted and was not used. Please call for help.",
    ),
    Code.UPDATE_FAILED: Said(
        de="Eine neue Version konnte nicht eingerichtet werden. Die bisherige läuft weiter.",
        fr="Une nouvelle version n'a pas pu être installée. L'ancienne continue de fonctionner.",
        cs="Novou verzi se nepodařilo nainstalovat. Dosavadní běží dál.",
        en="A new version could not be put in place. The present one goes on running.",
    ),
    Code.RELEASE_REFUSED: Said(
        de="Die neue Version wurde nicht veröffentlicht.",
        fr="La nouvelle version n'a pas été publiée.",
        cs="Nová verze nebyla zveřejněna.",
        en="The new version was not published.",
    ),
    Code.INTERNAL: Said(
        de="Ein Fehler ist aufgetreten. Bitte am Terminal prüfen, ob bezahlt wurde, bevor etwas wiederholt wird.",
        fr="Une erreur s'est produite. Vérifiez sur le terminal si c'est payé avant de recommencer.",
        cs="Došlo k chybě. Než cokoli zopakujete, ověřte na terminálu, zda je zaplaceno.",
        en="Something went wrong. Please check on the terminal whether it was paid before repeating anything.",
    ),
    **LINK_REFUSED,
    **VOUCHER_REFUSED,
}
