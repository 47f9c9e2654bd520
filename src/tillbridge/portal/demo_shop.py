"""The demonstration's voucher shop: the bakery's, open, with two designs, at /shop/sommer."""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.model import Design, Layout, Range, ShopEvent
from tillbridge.portal.shop.office import ShopOffice
from tillbridge.portal.shop.payments.services import embedded
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.vouchers import systems_store

SLUG: Final = "sommer"

_NAME: Final = "Bäckerei Sommer"
_BREAKFAST: Final = {
    "de": "Frühstück im Café",
    "fr": "Petit déjeuner au café",
    "cs": "Snídaně v kavárně",
    "en": "Breakfast at the café",
}
_BREAKFAST_TEXT: Final = {
    "de": "Brötchen, Croissant, Ei und so viel Kaffee, wie Sie mögen. Der Wert gilt je Person.",
    "fr": "Petits pains, croissant, œuf et café à volonté. La valeur est par personne.",
    "cs": "Pečivo, croissant, vejce a káva, kolik chcete. Hodnota platí na osobu.",
    "en": "Rolls, a croissant, an egg and as much coffee as you like. The value is for each person.",
}
_FREE: Final = {
    "de": "Gutschein nach Wunsch",
    "fr": "Bon du montant de votre choix",
    "cs": "Poukaz v libovolné hodnotě",
    "en": "A voucher of your choice",
}
_FREE_TEXT: Final = {
    "de": "Für Brot, Torten und alles andere in unseren Läden.",
    "fr": "Pour le pain, les gâteaux et tout le reste dans nos magasins.",
    "cs": "Na chléb, dorty a vše ostatní v našich prodejnách.",
    "en": "For bread, cakes and everything else in our shops.",
}
_WELCOME: Final = {
    "de": "Warmes Brot, frischer Kaffee: Gutscheine der Bäckerei Sommer kommen sofort per E-Mail.",
    "fr": "Pain chaud, café frais : les bons de la boulangerie Sommer arrivent aussitôt par e-mail.",
    "cs": "Teplý chléb, čerstvá káva: poukazy pekárny Sommer přijdou ihned e-mailem.",
    "en": "Warm bread, fresh coffee: vouchers of the Sommer bakery come by e-mail at once.",
}
_TERMS: Final = {
    "de": "Dieser Shop ist eine Vorführung. Gutscheine gelten in allen teilnehmenden Läden, auch in Teilbeträgen.",
    "en": "This shop is a demonstration. Vouchers can be spent in every shop that takes part, also in parts.",
}
_WITHDRAWAL: Final = {
    "de": "Sie können den Kauf binnen 14 Tagen widerrufen, solange der Gutschein nicht eingelöst ist.",
    "en": "You can withdraw from the purchase within 14 days as long as the voucher is not spent.",
}
_IMPRINT: Final = {
    "de": "Bäckerei Sommer, Lindenhof 1, 20095 Hamburg (erfunden)",
    "en": "Bäckerei Sommer, Lindenhof 1, 20095 Hamburg (invented)",
}


async def open_shop(house: House, connection: AsyncConnection, location_id: str) -> None:
    """Opens a shop for the voucher system that this location takes part in."""
    system = await systems_store.system_of(connection, location_id)
    if system is None:
        return
    office = ShopOffice(house, Delivering(house), Refunds(house, embedded(house)))
    shop = await office.founded(connection, system, SLUG, _NAME, PORTAL)
    fixed = Layout("", 1, _BREAKFAST, _BREAKFAST_TEXT, None, (1950, 2500, 3900), None)
    free = Layout("", 1, _FREE, _FREE_TEXT, None, (), Range(500, 30_000))
    for layout in (fixed, free):
        wanted = Design("", shop.id, 0, is_offered=True, stock=None, layout=layout)
        await office.drawn(connection, shop, system, wanted, None, PORTAL)
    texts: dict[str, Any] = {"welcome": _WELCOME, "terms": _TERMS, "withdrawal": _WITHDRAWAL, "imprint": _IMPRINT}
    await office.keep(connection, replace(shop, is_open=True, **texts), PORTAL, ShopEvent.OPENED)
