"""What a cashier reads when something about a voucher is refused: one plain sentence for every such code.

`VOUCHER_REFUSED` says it without figures; `cashier_refusals` joins it with the sentences for all other codes.
`voucher_text` says it with the figures that the refusal carries, such as how many tries are left.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tillbridge.domain.cashier_texts import Language, Said
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError

_READING: Final = {
    Code.VOUCHER_UNREADABLE: Said(
        de="Der Code ist nicht lesbar. Bitte noch einmal scannen oder die Nummer eintippen.",
        fr="Le code est illisible. Scannez-le de nouveau ou saisissez le numéro.",
        cs="Kód nelze přečíst. Naskenujte ho znovu nebo zadejte číslo.",
        en="The code cannot be read. Please scan it again or type the number.",
    ),
    Code.VOUCHER_CHECK_DIGIT: Said(
        de="In der Nummer ist ein Tippfehler. Bitte mit dem Gutschein vergleichen.",
        fr="Le numéro contient une faute de frappe. Comparez-le avec le bon.",
        cs="V čísle je překlep. Porovnejte ho s poukazem.",
        en="There is a typing mistake in the number. Please compare it with the voucher.",
    ),
    Code.VOUCHER_UNKNOWN: Said(
        de="Dieser Gutschein ist hier nicht bekannt.",
        fr="Ce bon n'est pas connu ici.",
        cs="Tento poukaz tu není znám.",
        en="This voucher is not known here.",
    ),
    Code.VOUCHER_TWO_PINS: Said(
        de="Es wurden zwei verschiedene PINs angegeben. Bitte die PIN noch einmal eingeben.",
        fr="Deux codes PIN différents ont été saisis. Saisissez le PIN de nouveau.",
        cs="Byly zadány dva různé PINy. Zadejte PIN znovu.",
        en="Two different PINs were given. Please enter the PIN again.",
    ),
    Code.VOUCHER_PIN_NEEDED: Said(
        de="Bitte die PIN des Gutscheins eingeben.",
        fr="Saisissez le PIN du bon.",
        cs="Zadejte PIN poukazu.",
        en="Please enter the voucher's PIN.",
    ),
    Code.VOUCHER_OTHER_MERCHANT: Said(
        de="Dieser Gutschein gehört zu einem anderen Unternehmen.",
        fr="Ce bon appartient à une autre entreprise.",
        cs="Tento poukaz patří jinému podniku.",
        en="This voucher belongs to another business.",
    ),
}

_STATE: Final = {
    Code.VOUCHER_NOT_ACTIVATED: Said(
        de="Dieser Gutschein ist noch nicht freigeschaltet.",
        fr="Ce bon n'est pas encore activé.",
        cs="Tento poukaz ještě není aktivován.",
        en="This voucher is not activated yet.",
    ),
    Code.VOUCHER_BLOCKED: Said(
        de="Dieser Gutschein ist gesperrt. Bitte die Zentrale fragen.",
        fr="Ce bon est bloqué. Adressez-vous au siège.",
        cs="Tento poukaz je zablokován. Obraťte se na centrálu.",
        en="This voucher is blocked. Please ask the office.",
    ),
    Code.VOUCHER_EXPIRED: Said(
        de="Das Guthaben dieses Gutscheins ist verfallen.",
        fr="Le crédit de ce bon a expiré.",
        cs="Zůstatek tohoto poukazu propadl.",
        en="The credit of this voucher has expired.",
    ),
    Code.VOUCHER_RETIRED: Said(
        de="Dieser Gutschein wurde durch einen anderen ersetzt.",
        fr="Ce bon a été remplacé par un autre.",
        cs="Tento poukaz byl nahrazen jiným.",
        en="This voucher was replaced by another one.",
    ),
    Code.VOUCHER_PIN_WRONG: Said(
        de="Die PIN des Gutscheins ist falsch. Bitte vergleichen und noch einmal eingeben.",
        fr="Le PIN du bon est faux. Vérifiez-le et saisissez-le de nouveau.",
        cs="PIN poukazu je chybný. Zkontrolujte ho a zadejte znovu.",
        en="The voucher's PIN is wrong. Please compare it and enter it again.",
    ),
    Code.VOUCHER_PIN_LOCKED: Said(
        de="Es gab zu viele falsche PINs. Bitte warten oder eine andere Zahlung nehmen.",
        fr="Il y a eu trop de PIN faux. Attendez, ou encaissez autrement.",
        cs="Bylo příliš mnoho chybných PINů. Počkejte, nebo přijměte jinou platbu.",
        en="There were too many wrong PINs. Please wait, or take another payment.",
    ),
    Code.VOUCHER_PIN_BLOCKED: Said(
        de="Die PIN dieses Gutscheins ist gesperrt. Bitte die Zentrale fragen.",
        fr="Le PIN de ce bon est bloqué. Adressez-vous au siège.",
        cs="PIN tohoto poukazu je zablokován. Obraťte se na centrálu.",
        en="The PIN of this voucher is blocked. Please ask the office.",
    ),
}

_FUNDS: Final = {
    Code.VOUCHER_EMPTY: Said(
        de="Auf diesem Gutschein ist kein Guthaben mehr.",
        fr="Il n'y a plus de crédit sur ce bon.",
        cs="Na tomto poukazu už není žádný zůstatek.",
        en="There is no credit left on this voucher.",
    ),
    Code.VOUCHER_FUNDS: Said(
        de="Auf dem Gutschein ist weniger Guthaben. Bitte den Rest auf andere Art bezahlen lassen.",
        fr="Le crédit du bon ne suffit pas. Encaissez le reste autrement.",
        cs="Na poukazu je menší zůstatek. Zbytek přijměte jinou platbou.",
        en="There is less credit on the voucher. Please take the rest in another way.",
    ),
    Code.VOUCHER_CAP: Said(
        de="So viel kann dieser Gutschein nicht aufnehmen.",
        fr="Ce bon ne peut pas contenir autant.",
        cs="Tolik se na tento poukaz nevejde.",
        en="This voucher cannot hold that much.",
    ),
    Code.VOUCHER_AMOUNT: Said(
        de="Dieser Betrag geht bei einem Gutschein nicht. Bitte den Betrag prüfen.",
        fr="Ce montant n'est pas possible pour un bon. Vérifiez le montant.",
        cs="Tato částka u poukazu není možná. Zkontrolujte částku.",
        en="That amount is not possible with a voucher. Please check the amount.",
    ),
    Code.VOUCHER_LOAD_SPENT: Said(
        de="Ein Teil davon wurde schon ausgegeben. Bitte die Zentrale fragen.",
        fr="Une partie a déjà été dépensée. Adressez-vous au siège.",
        cs="Část už byla utracena. Obraťte se na centrálu.",
        en="Some of it has already been spent. Please ask the office.",
    ),
    Code.VOUCHER_OVER_REVERSAL: Said(
        de="So viel wurde nicht gebucht. Bitte die Zentrale fragen.",
        fr="Ce montant dépasse ce qui a été enregistré. Adressez-vous au siège.",
        cs="Tolik zaúčtováno nebylo. Obraťte se na centrálu.",
        en="That is more than was booked. Please ask the office.",
    ),
    Code.VOUCHER_CURRENCY: Said(
        de="Der Gutschein lautet auf eine andere Währung und gilt hier nicht.",
        fr="Le bon est dans une autre monnaie et n'est pas valable ici.",
        cs="Poukaz je v jiné měně a tady neplatí.",
        en="The voucher is in another currency and is not valid here.",
    ),
    Code.VOUCHER_COUNTRY: Said(
        de="Der Gutschein ist aus einem anderen Land und gilt hier nicht.",
        fr="Le bon vient d'un autre pays et n'est pas valable ici.",
        cs="Poukaz je z jiné země a tady neplatí.",
        en="The voucher is from another country and is not valid here.",
    ),
}

_ORDER: Final = {
    Code.VOUCHER_RATE: Said(
        de="Hier gab es zu viele Versuche mit Gutscheinen. Bitte etwas warten.",
        fr="Il y a eu trop d'essais avec des bons ici. Attendez un peu.",
        cs="Bylo tu příliš mnoho pokusů s poukazy. Chvíli počkejte.",
        en="There were too many attempts with vouchers here. Please wait a little.",
    ),
    Code.VOUCHER_NOT_PARTICIPATING: Said(
        de="Dieser Standort nimmt keine solchen Gutscheine. Bitte die Zentrale fragen.",
        fr="Cet établissement n'accepte pas ces bons. Adressez-vous au siège.",
        cs="Tato provozovna takové poukazy nepřijímá. Obraťte se na centrálu.",
        en="This location does not take such vouchers. Please ask the office.",
    ),
    Code.VOUCHER_QUOTA: Said(
        de="So viele Codes sind in diesem Monat nicht mehr frei. Es wurde keiner erzeugt.",
        fr="Il ne reste pas autant de codes pour ce mois. Aucun n'a été créé.",
        cs="Tolik kódů už tento měsíc nezbývá. Žádný se nevytvořil.",
        en="Not so many codes are left this month. None was made.",
    ),
    Code.VOUCHER_KEY_BODY: Said(
        de="Die Kasse hat eine Kennung zweimal verwendet. Bitte den Kassendienst rufen.",
        fr="La caisse a utilisé deux fois le même identifiant. Appelez l'assistance.",
        cs="Pokladna použila stejný identifikátor dvakrát. Zavolejte podporu pokladny.",
        en="The till used the same identifier twice. Please call the till's support.",
    ),
    Code.VOUCHER_RUNNING: Said(
        de="Das Ergebnis zum Gutschein ist noch nicht da. Bitte warten oder eine andere Zahlung nehmen.",
        fr="Le résultat pour le bon n'est pas encore connu. Attendez, ou encaissez autrement.",
        cs="Výsledek u poukazu ještě není znám. Počkejte, nebo přijměte jinou platbu.",
        en="The result for the voucher is not there yet. Please wait, or take another payment.",
    ),
    Code.VOUCHER_VOIDED: Said(
        de="Dieser Vorgang wurde schon zurückgenommen. Es wurde nichts gebucht.",
        fr="Cette opération a déjà été annulée. Rien n'a été comptabilisé.",
        cs="Tato operace už byla vzata zpět. Nic nebylo zaúčtováno.",
        en="This was already taken back. Nothing was booked.",
    ),
    Code.VOUCHER_ORDER: Said(
        de="Das Geld ist schon wieder auf dem Gutschein. Bitte die Zentrale anrufen.",
        fr="L'argent est déjà revenu sur le bon. Appelez le siège.",
        cs="Peníze už jsou zpět na poukazu. Zavolejte centrálu.",
        en="The money is already back on the voucher. Please call the office.",
    ),
    Code.VOUCHER_OFFLINE_LIMIT: Said(
        de="Ohne Verbindung geht das nicht. Bitte eine andere Zahlung nehmen.",
        fr="Impossible sans connexion. Encaissez autrement.",
        cs="Bez spojení to nejde. Přijměte jinou platbu.",
        en="Not possible without a connection. Please take another payment.",
    ),
}

_PROVIDERS: Final = {
    Code.PROVIDER_DOWN: Said(
        de="Der Anbieter des Gutscheins ist nicht erreichbar. Es wurde nichts gebucht. Bitte anders bezahlen lassen.",
        fr="L'émetteur du bon est injoignable. Rien n'a été comptabilisé. Encaissez autrement.",
        cs="Poskytovatel poukazu není dostupný. Nic nebylo zaúčtováno. Přijměte jinou platbu.",
        en="The voucher's provider cannot be reached. Nothing was booked. Please take another payment.",
    ),
    Code.PROVIDER_REFUSED: Said(
        de="Der Anbieter hat den Gutschein abgelehnt. Es wurde nichts gebucht.",
        fr="L'émetteur a refusé le bon. Rien n'a été comptabilisé.",
        cs="Poskytovatel poukaz odmítl. Nic nebylo zaúčtováno.",
        en="The provider refused the voucher. Nothing was booked.",
    ),
    Code.PROVIDER_UNKNOWN: Said(
        de="Das Ergebnis ist nicht bekannt. Bitte nicht wiederholen und die Zentrale anrufen.",
        fr="Le résultat n'est pas connu. Ne recommencez pas et appelez le siège.",
        cs="Výsledek není znám. Neopakujte to a zavolejte centrálu.",
        en="The result is not known. Do not repeat it, and call the office.",
    ),
    Code.PROVIDER_MUST_FINISH: Said(
        de="Das kann nicht zurückgenommen werden. Bitte den Bon mit einer beliebigen Zahlung abschließen.",
        fr="Ce paiement ne peut pas être repris. Terminez le ticket avec un moyen de paiement quelconque.",
        cs="To nelze vzít zpět. Dokončete účtenku libovolnou platbou.",
        en="This cannot be taken back. Please finish the receipt with any kind of payment.",
    ),
    Code.PROVIDER_PREFIX: Said(
        de="Zu dieser Nummer ist kein Anbieter bekannt. Bitte die Nummer prüfen.",
        fr="Aucun émetteur n'est connu pour ce numéro. Vérifiez le numéro.",
        cs="K tomuto číslu není znám žádný poskytovatel. Zkontrolujte číslo.",
        en="No provider is known for this number. Please check the number.",
    ),
}

_SHOP: Final = {
    Code.SHOP_RANGE: Said(
        de="Ein Gutschein über diesen Betrag wird nicht verkauft. Bitte einen anderen Betrag wählen.",
        fr="Aucun bon de ce montant n'est vendu. Choisissez un autre montant.",
        cs="Poukaz v této hodnotě se neprodává. Zvolte jinou částku.",
        en="A voucher of this value is not sold. Please choose another value.",
    ),
    Code.SHOP_PRODUCT_GONE: Said(
        de="Dieser Gutschein wird nicht mehr angeboten.",
        fr="Ce bon n'est plus proposé.",
        cs="Tento poukaz už není v nabídce.",
        en="This voucher is no longer offered.",
    ),
    Code.SHOP_SIGN_IN: Said(
        de="Zum Aufladen bitte anmelden.",
        fr="Connectez-vous pour recharger un bon.",
        cs="Pro dobití poukazu se přihlaste.",
        en="Please sign in to top up a voucher.",
    ),
    Code.SHOP_UNPAID: Said(
        de="Die Zahlung ist noch nicht bestätigt. Es wurde kein Gutschein ausgestellt.",
        fr="Le paiement n'est pas encore confirmé. Aucun bon n'a été émis.",
        cs="Platba ještě není potvrzena. Žádný poukaz nebyl vystaven.",
        en="The payment is not confirmed yet. No voucher was issued.",
    ),
    Code.PAYMENT_SERVICE_AWAY: Said(
        de="Der Zahlungsdienst ist nicht erreichbar. Bitte gleich noch einmal versuchen.",
        fr="Le service de paiement est injoignable. Réessayez dans un instant.",
        cs="Platební služba není dostupná. Zkuste to za chvíli znovu.",
        en="The payment service cannot be reached. Please try again in a moment.",
    ),
    Code.PAYMENT_SERVICE_REFUSED: Said(
        de="Der Zahlungsdienst hat abgelehnt. Bitte anders bezahlen.",
        fr="Le service de paiement a refusé. Payez autrement.",
        cs="Platební služba platbu odmítla. Zaplaťte jinak.",
        en="The payment service said no. Please pay in another way.",
    ),
}

VOUCHER_REFUSED: Final[Mapping[Code, Said]] = MappingProxyType(
    {**_READING, **_STATE, **_FUNDS, **_ORDER, **_PROVIDERS, **_SHOP}
)

_WITH_FIGURES: Final[Mapping[Code, Said]] = {
    Code.VOUCHER_PIN_WRONG: Said(
        de="Die PIN ist falsch. Versuche, die noch bleiben: {tries_left}.",
        fr="Le PIN est faux. Essais restants : {tries_left}.",
        cs="PIN je chybný. Zbývající pokusy: {tries_left}.",
        en="The PIN is wrong. Tries left: {tries_left}.",
    ),
    Code.VOUCHER_PIN_LOCKED: Said(
        de="Zu viele falsche PINs. Wieder möglich um {until}.",
        fr="Trop de PIN faux. Nouvel essai possible à {until}.",
        cs="Příliš mnoho chybných PINů. Znovu to půjde v {until}.",
        en="Too many wrong PINs. Try again at {until}.",
    ),
    Code.VOUCHER_FUNDS: Said(
        de="Es sind nur noch {balance} übrig.",
        fr="Il ne reste que {balance}.",
        cs="Zbývá už jen {balance}.",
        en="Only {balance} is left.",
    ),
    Code.VOUCHER_CAP: Said(
        de="Auf diesen Gutschein passen höchstens {max}.",
        fr="Ce bon peut contenir au plus {max}.",
        cs="Na tento poukaz se vejde nejvýše {max}.",
        en="The most that this voucher can hold is {max}.",
    ),
    Code.VOUCHER_AMOUNT: Said(
        de="Der Betrag muss zwischen {min} und {max} liegen.",
        fr="Le montant doit être compris entre {min} et {max}.",
        cs="Částka musí být od {min} do {max}.",
        en="The amount must be from {min} to {max}.",
    ),
    Code.VOUCHER_LOAD_SPENT: Said(
        de="{spent} davon sind schon ausgegeben. Bitte die Zentrale fragen.",
        fr="{spent} ont déjà été dépensés. Adressez-vous au siège.",
        cs="{spent} už bylo utraceno. Obraťte se na centrálu.",
        en="{spent} of it has already been spent. Please ask the office.",
    ),
    Code.PROVIDER_DOWN: Said(
        de="{provider} ist nicht erreichbar. Es wurde nichts gebucht. Bitte anders bezahlen lassen.",
        fr="{provider} est injoignable. Rien n'a été comptabilisé. Encaissez autrement.",
        cs="{provider}: není dostupný. Nic nebylo zaúčtováno. Přijměte jinou platbu.",
        en="{provider} cannot be reached. Nothing was booked. Please take another payment.",
    ),
    Code.PROVIDER_REFUSED: Said(
        de="{provider}: {message}",
        fr="{provider} : {message}",
        cs="{provider}: {message}",
        en="{provider}: {message}",
    ),
    Code.MAINTENANCE: Said(
        de="Wartung bis {until}. Bitte eine andere Zahlung nehmen.",
        fr="Maintenance jusqu'à {until}. Encaissez autrement.",
        cs="Údržba do {until}. Přijměte jinou platbu.",
        en="Maintenance until {until}. Please take another payment.",
    ),
}

PUT_BACK_SLIP: Final = Said(
    de="Bis zu {amount} werden dem Gutschein wieder gutgeschrieben. Kennung: {key}",
    fr="Jusqu'à {amount} seront recrédités sur le bon. Référence : {key}",
    cs="Až {amount} bude vráceno na poukaz. Značka: {key}",
    en="Up to {amount} will be put back on the voucher. Reference: {key}",
)
"""What a guest is given whose money is on its way back to the voucher."""

MONEY_MEMBERS: Final = frozenset({"balance", "min", "max", "spent", "unspent"})
"""Members of a refusal that are amounts in minor units."""

TEXT_MEMBERS: Final = frozenset({"provider", "message"})
"""Members of a refusal that are words of others, shown as they came."""

MOMENT_MEMBERS: Final = frozenset({"until"})
"""Members of a refusal that are moments (RFC 3339)."""


def voucher_text(
    error: BridgeError, language: Language, amount: Callable[[int], str], moment: Callable[[datetime], str]
) -> str | None:
    """The sentence with its figures; None where it has none, or the refusal did not bring them.

    `amount` writes minor units as the reader does, `moment` a time.
    """
    said = _WITH_FIGURES.get(error.code)
    if said is None:
        return None
    figures: dict[str, str] = {}
    for name, value in error.members.items():
        if name in MONEY_MEMBERS and type(value) is int:
            figures[name] = amount(value)
        elif name in MOMENT_MEMBERS and isinstance(value, str):
            try:
                figures[name] = moment(datetime.fromisoformat(value))
            except ValueError:
                continue
        elif name in TEXT_MEMBERS and isinstance(value, str) and value:
            figures[name] = value
        elif type(value) is int:
            figures[name] = str(value)
    try:
        return said.to(language).format_map(figures)
    except KeyError:
        return None
