"""Who and what is in the demonstration."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.demo_access import OWNER
from tillbridge.portal.licences.model import Product
from tillbridge.portal.locations.model import Address, CustomerBase, Draft
from tillbridge.portal.rights import Area

DEMO_NUMBER: Final = LocationNumber.of(1_004_711)
"""The bakery's head office: the demonstration's connector is set to this number, and is not paired yet."""


BAKERY: Final = "Bäckerei Sommer"
CAFE: Final = "Café Winter"


class DemoEvent(StrEnum):
    """What the audit log says of the demonstration."""

    MADE = "demo.made"


@dataclass(frozen=True, slots=True)
class PlannedShop:
    """A location; `unlicensed` products it has not, `ending` ones it has not for long."""

    key: str
    draft: Draft
    customer_base: CustomerBase = CustomerBase.NONE
    unlicensed: frozenset[Product] = field(default_factory=frozenset)
    ending: frozenset[Product] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class PlannedPerson:
    """Somebody of a merchant; `shop` is the key of the one location where the rights hold, None for everywhere.

    `generator`: a second factor is set up, whose codes `tillbridge portal demo-code` prints.
    """

    merchant: str
    email: str
    name: str
    group: Stock
    role: str
    shop: str | None = None
    generator: bool = False


def _draft(name: str, street: str, postal_code: str, city: str, kept: frozenset[Area] | None = None) -> Draft:
    address = Address(street, postal_code, city, "DE")
    return Draft(name, address, "EUR", "Europe/Berlin", kept is not None, kept or frozenset())


BAKERY_SHOPS: Final = (
    PlannedShop("office", _draft("Backstube Lindenhof", "Lindenhof 1", "20095", "Hamburg")),
    PlannedShop("market", _draft("Filiale Marktplatz", "Markt 4", "20457", "Hamburg"), CustomerBase.V1_OFFLINE),
    PlannedShop("station", _draft("Filiale Bahnhof", "Bahnhofstraße 2", "21073", "Hamburg"), CustomerBase.V1_ONLINE),
    PlannedShop(
        "harbour",
        _draft("Filiale Hafen", "Am Kai 11", "20359", "Hamburg"),
        CustomerBase.V2,
        ending=frozenset({Product.REPORTS}),
    ),
    PlannedShop(
        "franchise",
        _draft("Brotzeit Keller", "Mühlenweg 7", "21335", "Lüneburg", frozenset({Area.REPORTS, Area.CUSTOMERS})),
        unlicensed=frozenset({Product.CUSTOMER_BASE_2}),
    ),
)
"""The head office first. Each state of the customer base is there."""

CAFE_SHOP: Final = PlannedShop("cafe", _draft("Café Winter", "Schlossgasse 9", "01067", "Dresden"))

PEOPLE: Final = (
    PlannedPerson(BAKERY, OWNER, "Greta Sommer", Stock.OWNER, "Owner, Bäckerei Sommer", generator=True),
    # Corrections of vouchers need a second person who may make them.
    PlannedPerson(
        BAKERY, "partner@bakery.example", "Karl Sommer", Stock.OWNER, "Second owner, Bäckerei Sommer", generator=True
    ),
    PlannedPerson(
        BAKERY,
        "manager@bakery.example",
        "Jonas Brandt",
        Stock.MANAGER,
        "Location manager, Filiale Bahnhof",
        "station",
    ),
    PlannedPerson(BAKERY, "accounting@bakery.example", "Ines Vogel", Stock.ACCOUNTING, "Accounting, Bäckerei Sommer"),
    PlannedPerson(BAKERY, "editor@bakery.example", "Mila Roth", Stock.SHOP_EDITOR, "Shop editor, Bäckerei Sommer"),
    PlannedPerson(
        BAKERY,
        "technician@bakery.example",
        "Tarek Aydin",
        Stock.TECHNICIAN,
        "Technician, Bäckerei Sommer",
        generator=True,
    ),
    PlannedPerson(BAKERY, "auditor@bakery.example", "Ruth Lange", Stock.AUDITOR, "Auditor, Bäckerei Sommer"),
    PlannedPerson(
        BAKERY,
        "franchise@bakery.example",
        "Paul Keller",
        Stock.MANAGER,
        "Location manager, Brotzeit Keller (independent franchisee)",
        "franchise",
    ),
    PlannedPerson(CAFE, "owner@cafe.example", "Lena Winter", Stock.OWNER, "Owner, Café Winter", generator=True),
)

GENERATOR: Final = "ORUWY3DCOJUWIZ3FEBSGK3LPEBRW6ZDF"  # known to everybody, like the password
"""The shared secret of the second factors, in Base32."""

OPERATOR: Final = ("operator@portal.example", "Petra Portal")
"""Who runs this portal: address and name."""

OLD_CUSTOMERS: Final = (
    ("1000017", "Anna Berger", "anna.berger@example.org", "+49 40 5550101", 1250, 40, ""),
    ("1000024", "Bernd Claasen", "", "+49 40 5550102", 0, 12, "mag Roggenbrot"),
    ("1000031", "Çiğdem Şahin", "cigdem@example.org", "", 500, 0, ""),
    ("1000048", "Dörte Petersen", "doerte@example.org", "+49 40 5550104", 2000, 85, "Stammkundin"),
    ("1000055", "Emil Østergaard", "", "", -350, 3, "zahlt am Monatsende"),
    ("1000062", "François Lemaire", "francois@example.org", "+33 1 55550106", 0, 0, ""),
    ("1000079", "Žofie Nováková", "zofie@example.org", "+420 555 550107", 990, 17, ""),
)
"""Number, name, e-mail, telephone, balance in cents, points and note, as the customer base 1.0 has them."""
