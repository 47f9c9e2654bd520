"""What a cashier reads when the portal, or the link to it, refuses something: one plain sentence for every such code.

These refusals are about the portal and never about a card, so they do not speak of what was charged. Where it is not
known whether the portal did what it was asked, the sentence promises nothing and asks not to repeat it by hand.
`cashier_refusals` joins them with the sentences for all other codes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tillbridge.domain.cashier_texts import Said
from tillbridge.domain.codes import Code

_PAIRING: Final = {
    Code.PIN_REFUSED: Said(
        de="Die PIN wurde nicht angenommen. Bitte Standortnummer und PIN prüfen oder in der Zentrale eine neue holen.",
        fr="Le PIN a été refusé. Vérifiez le numéro d'établissement et le PIN, ou demandez un nouveau PIN au siège.",
        cs="PIN nebyl přijat. Zkontrolujte číslo provozovny a PIN, nebo požádejte centrálu o nový PIN.",
        en="The PIN was not accepted. Please check the location number and the PIN, or ask the office for a new PIN.",
    ),
    Code.PAIRING_INPUT: Said(
        de="In der Standortnummer oder der PIN ist ein Tippfehler. Bitte beides noch einmal eingeben.",
        fr="Le numéro d'établissement ou le PIN contient une faute de frappe. Saisissez les deux de nouveau.",
        cs="V čísle provozovny nebo v PINu je překlep. Zadejte obojí znovu.",
        en="There is a typing mistake in the location number or the PIN. Please enter both again.",
    ),
    Code.SLOW_DOWN: Said(
        de="Es gab zu viele Versuche in kurzer Zeit. Bitte etwas warten, dann noch einmal versuchen.",
        fr="Il y a eu trop de tentatives en peu de temps. Attendez un peu, puis réessayez.",
        cs="Bylo příliš mnoho pokusů v krátké době. Chvíli počkejte a zkuste to znovu.",
        en="There were too many attempts in a short time. Please wait a little, then try again.",
    ),
    Code.WAITING_CONFIRM: Said(
        de="Die Zentrale muss die Verbindung noch bestätigen. Bitte den Code auf beiden Bildschirmen vergleichen.",
        fr="Le siège doit encore confirmer la connexion. Comparez le code affiché sur les deux écrans.",
        cs="Centrála musí spojení ještě potvrdit. Porovnejte kód na obou obrazovkách.",
        en="The office still has to confirm the connection. Please compare the code on both screens.",
    ),
    Code.PAIRING_DENIED: Said(
        de="Die Zentrale hat die Verbindung abgelehnt. Bitte dort nachfragen und um eine neue PIN bitten.",
        fr="Le siège a refusé la connexion. Demandez-lui pourquoi, puis un nouveau PIN.",
        cs="Centrála spojení odmítla. Zeptejte se jí na důvod a požádejte o nový PIN.",
        en="The office refused the connection. Please ask there why, and for a new PIN.",
    ),
    Code.FINISH_CONFLICT: Said(
        de="Diese Verbindung wurde schon anderweitig hergestellt. Bitte die Zentrale um eine neue PIN bitten.",
        fr="Cette connexion a déjà été établie par une autre demande. Demandez un nouveau PIN au siège.",
        cs="Toto spojení už dokončil jiný požadavek. Požádejte centrálu o nový PIN.",
        en="This connection was already completed by another request. Please ask the office for a new PIN.",
    ),
    Code.PAIRING_OVER: Said(
        de="Das Verbinden hat zu lange gedauert oder ist schon beendet. Bitte noch einmal von vorn beginnen.",
        fr="La connexion a pris trop de temps ou est déjà terminée. Recommencez depuis le début.",
        cs="Připojování trvalo příliš dlouho nebo už skončilo. Začněte znovu od začátku.",
        en="Connecting took too long or is already over. Please start again from the beginning.",
    ),
    Code.PORTAL_UNPROVEN: Said(
        de="Das Portal konnte seine Echtheit nicht nachweisen. Bitte nicht weitermachen und den Kassendienst rufen.",
        fr="Le portail n'a pas pu prouver son identité. Arrêtez et appelez l'assistance.",
        cs="Portál nedokázal prokázat svou pravost. Nepokračujte a zavolejte podporu pokladny.",
        en="The portal could not prove that it is the right one. Please stop and call the till's support.",
    ),
    Code.CLONE_SUSPECTED: Said(
        de="Zwei Computer scheinen dieselbe Verbindung zu benutzen. Bitte den Kassendienst rufen.",
        fr="Deux ordinateurs semblent utiliser la même connexion. Appelez l'assistance.",
        cs="Zdá se, že totéž spojení používají dva počítače. Zavolejte podporu pokladny.",
        en="Two computers seem to use the same connection. Please call the till's support.",
    ),
    Code.LINK_EXISTS: Said(
        de="Dieser Standort ist schon verbunden. Bitte die Zentrale fragen, ob die Verbindung ersetzt werden soll.",
        fr="Cet établissement est déjà connecté. Demandez au siège si la connexion doit être remplacée.",
        cs="Tato provozovna je již připojena. Zeptejte se centrály, zda se má spojení nahradit.",
        en="This location is already connected. Please ask the office whether that connection is to be replaced.",
    ),
    Code.SUITE_UNKNOWN: Said(
        de="Das Portal kennt diese Version des Kartenprogramms nicht. Bitte das Programm aktualisieren lassen.",
        fr="Le portail ne connaît pas cette version du programme de paiement. Faites mettre à jour le programme.",
        cs="Portál nezná tuto verzi platebního programu. Nechte program aktualizovat.",
        en="The portal does not know this version of the payment program. Please have the program updated.",
    ),
}

_LINK: Final = {
    Code.NOT_PAIRED: Said(
        de="Diese Kasse ist nicht mit dem Portal verbunden. Bitte zuerst in den Einstellungen unter Portal verbinden.",
        fr="Cette caisse n'est pas connectée au portail. Connectez-la d'abord dans les réglages, sous Portail.",
        cs="Tato pokladna není připojena k portálu. Nejprve ji připojte v nastavení v části Portál.",
        en="This till is not connected to the portal. Please connect it first in the settings, under Portal.",
    ),
    Code.LINK_REVOKED: Said(
        de="Die Zentrale hat die Verbindung beendet. Bitte dort um eine neue PIN bitten.",
        fr="Le siège a mis fin à la connexion. Demandez-lui un nouveau PIN.",
        cs="Centrála spojení ukončila. Požádejte ji o nový PIN.",
        en="The office ended the connection. Please ask there for a new PIN.",
    ),
    Code.LINK_SUSPENDED: Said(
        de="Die Zentrale hat die Verbindung angehalten. Bitte dort nachfragen, wann sie weitergeht.",
        fr="Le siège a suspendu la connexion. Demandez-lui de la rétablir.",
        cs="Centrála spojení pozastavila. Požádejte ji o obnovení.",
        en="The office paused the connection. Please ask there to have it resumed.",
    ),
    Code.TOKEN_EXPIRED: Said(
        de="Der Zugang zum Portal ist abgelaufen und wird erneuert. Bitte gleich noch einmal versuchen.",
        fr="L'accès au portail a expiré et va être renouvelé. Réessayez dans un instant.",
        cs="Přístup k portálu vypršel a obnovuje se. Zkuste to za chvíli znovu.",
        en="The access to the portal ran out and is being renewed. Please try again in a moment.",
    ),
    Code.PROOF_REFUSED: Said(
        de="Die Sicherheitsprüfung des Portals ist fehlgeschlagen. Bitte den Kassendienst rufen.",
        fr="Le contrôle de sécurité du portail a échoué. Appelez l'assistance.",
        cs="Bezpečnostní kontrola portálu se nezdařila. Zavolejte podporu pokladny.",
        en="The portal's security check failed. Please call the till's support.",
    ),
    Code.NONCE_NEEDED: Said(
        de="Das Portal verlangt eine neue Prüfung. Bitte gleich noch einmal versuchen.",
        fr="Le portail demande une nouvelle vérification. Réessayez dans un instant.",
        cs="Portál žádá o nové ověření. Zkuste to za chvíli znovu.",
        en="The portal asks for a fresh check. Please try again in a moment.",
    ),
    Code.LINK_SCOPE: Said(
        de="Diese Kasse darf das im Portal nicht. Bitte die Zentrale fragen.",
        fr="Cette caisse n'a pas ce droit sur le portail. Adressez-vous au siège.",
        cs="Tato pokladna k tomu v portálu nemá oprávnění. Obraťte se na centrálu.",
        en="This till may not do that in the portal. Please ask the office.",
    ),
    Code.KEYSTORE_UNREADABLE: Said(
        de="Der gespeicherte Schlüssel der Verbindung ist nicht lesbar. Bitte die Kasse neu mit dem Portal verbinden.",
        fr="La clé enregistrée de la connexion est illisible. Connectez de nouveau la caisse au portail.",
        cs="Uložený klíč spojení nelze přečíst. Připojte pokladnu k portálu znovu.",
        en="The stored key of the connection cannot be read. Please connect the till to the portal again.",
    ),
    Code.COMMAND_EXPIRED: Said(
        de="Die Kasse hat den Auftrag nicht rechtzeitig übernommen. Bitte die Verbindung prüfen und ihn neu erteilen.",
        fr="La caisse n'a pas pris l'ordre à temps. Vérifiez la connexion, puis donnez-le de nouveau.",
        cs="Pokladna příkaz nepřevzala včas. Zkontrolujte spojení a zadejte ho znovu.",
        en="The till did not take the command in time. Please check the connection, then give it again.",
    ),
    Code.LINK_OUTDATED: Said(
        de="Die Versionen von Kasse und Portal passen nicht zusammen. Bitte den Kassendienst rufen.",
        fr="Les versions de la caisse et du portail ne sont pas compatibles. Appelez l'assistance.",
        cs="Verze pokladny a portálu se k sobě nehodí. Zavolejte podporu pokladny.",
        en="The versions of the till and the portal do not fit together. Please call the till's support.",
    ),
}

_PEOPLE: Final = {
    Code.RIGHT_MISSING: Said(
        de="Dafür fehlt Ihnen ein Recht. Bitte die Zentrale fragen.",
        fr="Il vous manque un droit pour cela. Adressez-vous au siège.",
        cs="K tomu vám chybí oprávnění. Obraťte se na centrálu.",
        en="You do not have the right to do that. Please ask the office.",
    ),
    Code.LICENCE_MISSING: Said(
        de="Dafür gibt es hier keine Lizenz. Bitte die Zentrale fragen.",
        fr="Il n'y a pas de licence pour cela ici. Adressez-vous au siège.",
        cs="K tomu tu chybí licence. Obraťte se na centrálu.",
        en="There is no licence for that here. Please ask the office.",
    ),
    Code.STEP_UP_NEEDED: Said(
        de="Bitte bestätigen Sie noch einmal, dass Sie es sind.",
        fr="Confirmez encore une fois votre identité.",
        cs="Potvrďte znovu svou totožnost.",
        en="Please confirm once more that it is you.",
    ),
    Code.SIGN_IN_REFUSED: Said(
        de="Die Anmeldung im Portal wurde nicht angenommen. Bitte Adresse und Passwort prüfen.",
        fr="L'identification sur le portail a été refusée. Vérifiez l'adresse et le mot de passe.",
        cs="Přihlášení k portálu nebylo přijato. Zkontrolujte adresu a heslo.",
        en="The sign-in to the portal was not accepted. Please check the address and the password.",
    ),
    Code.SIGNED_OUT: Said(
        de="Am Portal ist niemand angemeldet. Bitte anmelden.",
        fr="Personne n'est identifié sur le portail. Identifiez-vous.",
        cs="K portálu není nikdo přihlášen. Přihlaste se.",
        en="Nobody is signed in to the portal. Please sign in.",
    ),
    Code.RECORD_UNKNOWN: Said(
        de="Das gibt es im Portal nicht. Vielleicht wurde es entfernt.",
        fr="Cet élément n'existe pas sur le portail. Il a peut-être été supprimé.",
        cs="Tohle v portálu není. Možná to bylo odstraněno.",
        en="That does not exist in the portal. It may have been removed.",
    ),
    Code.RECORD_CONFLICT: Said(
        de="Das passt nicht zum jetzigen Stand im Portal. Bitte erst nachsehen, dann noch einmal versuchen.",
        fr="Cela ne correspond pas à l'état actuel du portail. Vérifiez-le d'abord, puis réessayez.",
        cs="To neodpovídá současnému stavu v portálu. Nejprve ho zkontrolujte a pak to zkuste znovu.",
        en="That does not fit with what is in the portal now. Please look first, then try again.",
    ),
    Code.FILE_UNREADABLE: Said(
        de="Die Datei kann nicht gelesen werden. Bitte Art und Größe der Datei prüfen.",
        fr="Le fichier est illisible. Vérifiez son type et sa taille.",
        cs="Soubor nelze přečíst. Zkontrolujte jeho typ a velikost.",
        en="The file cannot be read. Please check its kind and size.",
    ),
}

_CONVERSION: Final = {
    Code.CONVERSION_REQUIRED: Said(
        de="Die Kundendaten müssen zuerst umgestellt werden. Bitte die Zentrale fragen.",
        fr="Les données des clients doivent d'abord être converties. Adressez-vous au siège.",
        cs="Údaje o zákaznících je nejprve nutné převést. Obraťte se na centrálu.",
        en="The customer records must be converted first. Please ask the office.",
    ),
    Code.CONVERSION_LICENCE: Said(
        de="Die Lizenz für den Kundenstamm 2.0 fehlt. Die PIN bleibt gültig: bitte die Zentrale fragen.",
        fr="La licence de la base de clients 2.0 manque. Le PIN reste valable : adressez-vous au siège.",
        cs="Chybí licence pro databázi zákazníků 2.0. PIN zůstává platný: obraťte se na centrálu.",
        en="The licence for the customer base 2.0 is missing. The PIN stays valid: please ask the office.",
    ),
    Code.CONVERSION_BLOCKED: Said(
        de="Die Kundendaten lassen sich so nicht umstellen. Nichts wurde geändert: bitte den Bericht im Portal lesen.",
        fr="Les données des clients ne sont pas convertibles. Rien n'a été modifié : voyez le rapport du portail.",
        cs="Údaje o zákaznících takto nelze převést. Nic se nezměnilo: podívejte se na zprávu v portálu.",
        en="The customer records cannot be converted as they are. Nothing was changed: please see the portal's report.",
    ),
    Code.CONVERSION_FAILED: Said(
        de="Die Umstellung der Kundendaten ist fehlgeschlagen. Es wurde nichts geändert: bitte den Kassendienst rufen.",
        fr="La conversion des données des clients a échoué. Rien n'a été modifié : appelez l'assistance.",
        cs="Převod údajů o zákaznících se nezdařil. Nic se nezměnilo: zavolejte podporu pokladny.",
        en="Converting the customer records failed. Nothing was changed: please call the till's support.",
    ),
    Code.CONVERSION_CHANGED: Said(
        de="Die Kundendaten haben sich seit dem Bericht geändert. Bitte im Portal einen neuen Bericht erstellen.",
        fr="Les données des clients ont changé depuis le rapport. Établissez un nouveau rapport sur le portail.",
        cs="Údaje o zákaznících se od vytvoření zprávy změnily. Vytvořte v portálu novou zprávu.",
        en="The customer records changed since the report. Please make a new report in the portal.",
    ),
    Code.CONVERSION_RUNNING: Said(
        de="Die Kundendaten werden gerade umgestellt. Bitte warten, bis das fertig ist.",
        fr="La conversion des données des clients est en cours. Attendez la fin.",
        cs="Údaje o zákaznících se právě převádějí. Počkejte, až převod skončí.",
        en="The customer records are being converted. Please wait until that is done.",
    ),
}

_OUTAGE: Final = {
    Code.PORTAL_UNREACHABLE: Said(
        de="Das Portal ist nicht erreichbar. Es wurde nichts gesendet: Zahlungen mit Karte und bar gehen weiter.",
        fr="Le portail est injoignable. Rien n'a été envoyé : le paiement par carte et en espèces continue.",
        cs="Portál není dostupný. Nic nebylo odesláno: kartou i hotově lze platit dál.",
        en="The portal cannot be reached. Nothing was sent: payments by card and cash go on.",
    ),
    Code.SWITCHED_OFF: Said(
        de="Dieser Dienst ist abgeschaltet. Bitte die Zentrale fragen.",
        fr="Ce service est désactivé. Adressez-vous au siège.",
        cs="Tato služba je vypnutá. Obraťte se na centrálu.",
        en="This service is switched off. Please ask the office.",
    ),
    Code.SERVICE_UNAVAILABLE: Said(
        de="Dieser Dienst steht nicht zur Verfügung. Bitte die Zentrale fragen.",
        fr="Ce service n'est pas disponible. Adressez-vous au siège.",
        cs="Tato služba není k dispozici. Obraťte se na centrálu.",
        en="This service is not available. Please ask the office.",
    ),
    Code.MAINTENANCE: Said(
        de="Das Portal wird gerade gewartet. Zahlungen mit Karte und bar gehen weiter: bitte später wieder versuchen.",
        fr="Le portail est en maintenance. Le paiement par carte et en espèces continue : réessayez plus tard.",
        cs="Na portálu probíhá údržba. Kartou i hotově lze platit dál: zkuste to později.",
        en="The portal is under maintenance. Payments by card and cash go on: please try again later.",
    ),
    Code.PORTAL_REFUSED: Said(
        de="Das Portal hat diese Kasse abgewiesen. Bitte die Zentrale anrufen.",
        fr="Le portail a refusé cette caisse. Appelez le siège.",
        cs="Portál tuto pokladnu odmítl. Zavolejte do centrály.",
        en="The portal refused this till. Please call the office.",
    ),
    Code.OVERLOADED: Said(
        de="Das Portal ist überlastet. Es wurde nichts ausgeführt: bitte gleich noch einmal versuchen.",
        fr="Le portail est surchargé. Rien n'a été exécuté : réessayez dans un instant.",
        cs="Portál je přetížený. Nic nebylo provedeno: zkuste to za chvíli znovu.",
        en="The portal is busy. Nothing was done: please try again in a moment.",
    ),
    Code.PORTAL_FAULT: Said(
        de="Im Portal gab es einen Fehler. Das Ergebnis ist noch unklar: bitte warten und nichts von Hand wiederholen.",
        fr="Le portail a rencontré une erreur. Le résultat est encore inconnu : attendez, ne répétez rien à la main.",
        cs="V portálu došlo k chybě. Výsledek zatím není znám: počkejte a ručně to neopakujte.",
        en="Something went wrong in the portal. The result is not known yet: please wait, do not repeat it by hand.",
    ),
    Code.PORTAL_SILENT: Said(
        de="Das Portal antwortet nicht. Das Ergebnis ist noch unklar: bitte warten und nichts von Hand wiederholen.",
        fr="Le portail n'a pas répondu. Le résultat est encore inconnu : attendez, ne répétez rien à la main.",
        cs="Portál neodpověděl. Výsledek zatím není znám: počkejte a ručně to neopakujte.",
        en="The portal did not answer. The result is not known yet: please wait, do not repeat it by hand.",
    ),
    Code.DATABASE_UNAVAILABLE: Said(
        de="Das Portal kommt gerade nicht an seine Daten. Bitte in einer Minute noch einmal versuchen.",
        fr="Le portail n'a pas accès à ses données pour le moment. Réessayez dans une minute.",
        cs="Portál se právě nedostane ke svým datům. Zkuste to za minutu znovu.",
        en="The portal cannot get at its records right now. Please try again in a minute.",
    ),
    Code.DATABASE_TOO_OLD: Said(
        de="Die Daten des Portals sind für diese Version zu alt. Bitte Hilfe rufen.",
        fr="Les données du portail sont trop anciennes pour cette version. Appelez l'assistance.",
        cs="Data portálu jsou pro tuto verzi příliš stará. Přivolejte pomoc.",
        en="The portal's records are too old for this version. Please call for help.",
    ),
    Code.DATABASE_TOO_NEW: Said(
        de="Das Portal ist zu alt für seine Daten. Bitte Hilfe rufen.",
        fr="Le portail est trop ancien pour ses données. Appelez l'assistance.",
        cs="Portál je na svá data příliš starý. Přivolejte pomoc.",
        en="The portal is too old for its records. Please call for help.",
    ),
}

LINK_REFUSED: Final[Mapping[Code, Said]] = MappingProxyType({**_PAIRING, **_LINK, **_PEOPLE, **_CONVERSION, **_OUTAGE})
"""The sentence for each code of the link and of the portal."""
