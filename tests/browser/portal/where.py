"""Every page of the portal that a person can open, and who opens it."""

from dataclasses import dataclass
from typing import Final

from tests.browser.portal.life import CAFE, FRANCHISE, HARBOUR, MARKET, OFFICE, SECOND, STATION, Life
from tests.browser.portal.open_portal import OWNER, STAFF, TECHNICIAN

FRANCHISEE: Final = "franchise@bakery.example"
OTHER: Final = "owner@cafe.example"


@dataclass(frozen=True, slots=True)
class Page:
    """`who` is signed in (None: nobody); `path` names what it needs of a `Life` in braces; `status` is answered."""

    name: str
    who: str | None
    path: str
    status: int = 200

    def at(self, life: Life) -> str:
        """Where it is."""
        shops = {"office": OFFICE, "market": MARKET, "station": STATION, "harbour": HARBOUR, "franchise": FRANCHISE}
        ids = {key: life.at[name] for key, name in (shops | {"cafe": CAFE}).items()}
        return self.path.format(**ids, **life.paths)


def _pages(who: str | None, prefix: str, **paths: str) -> tuple[Page, ...]:
    return tuple(Page(f"{prefix}-{name.replace('_', '-')}", who, path) for name, path in paths.items())


BEFORE: Final = (
    *_pages(None, "door", sign_in="/sign-in", forgotten="/password/forgotten"),
    Page("door-link-over", None, "/password/new?link=x", 404),
    Page("door-invitation-over", None, "/invitation?token=x", 404),
    Page("door-nothing", None, "/nothing", 404),
    *_pages(
        None,
        "shop",
        window="/shop/sommer",
        terms="/shop/sommer/terms",
        balance="/shop/sommer/balance",
        no_cart="/shop/sommer/cart",
        buy="{shop_buy}",
        cart="{shop_cart}",
        line="{shop_line}",
        order="{shop_order}",
        gift="{shop_gift}",
    ),
)

OF_OWNER: Final = (
    *_pages(OWNER, "start", owner="/"),
    *_pages(
        OWNER,
        "interfaces",
        list="/interfaces",
        none_found="/interfaces?search=zzz",
        active="/interfaces/{office}",
        consent="/interfaces/{harbour}",
        pin_open="/interfaces/{franchise}",
        conversion="/interfaces/{station}",
        link="{link}",
        suspend="{link}/suspend",
        revoke="{link}/revoke",
        rotate="{link}/rotate",
        clones="/interfaces/links/clones",
    ),
    *_pages(
        OWNER,
        "shops",
        list="/shops",
        one="{shop_office}",
        settings="{shop_office}/settings",
        figures="{shop_office}/figures",
        order="{shop_sold}",
        design="{shop_design}",
    ),
    *_pages(OWNER, "connectors", list="/connectors", one="/connectors/{office}", command="{command}"),
    *_pages(
        OWNER,
        "locations",
        list="/locations",
        one="/locations/{franchise}",
        offered="/locations/{market}",
        new="/locations/new",
        edit="/locations/{franchise}/edit",
        move="/locations/{harbour}/move",
        close="/locations/{harbour}/close",
        none_found="/locations?search=zzz",
    ),
    *_pages(
        OWNER,
        "people",
        list="/people",
        none_found="/people?q=zzz",
        one="{person}",
        remove="{person}/remove",
        invite="/people/invite",
        groups="/people/groups",
        group="{group}",
        group_edit="{group}/edit",
        group_new="/people/groups/new",
        support="/people/support",
    ),
    *_pages(OWNER, "licences", list="/licences", one="/licences/{harbour}"),
    *_pages(OWNER, "services", list="/services", one="/services/{office}"),
    *_pages(
        OWNER,
        "customers",
        list="/customers",
        none_found="/customers?q=zzz",
        new="/customers/new",
        one="{customer}",
        merge="{customer}/merge",
        erase="{customer}/erase",
        bases="/customers/bases",
        to_convert="/customers/bases/{station}",
        converted="/customers/bases/{market}",
        without="/customers/bases/{office}",
        old="/customers/bases/{station}/old",
        file="/customers/import/{station}/v1",
        mapping="{mapping}",
    ),
    *_pages(
        OWNER,
        "maintenance",
        calendar="/maintenance",
        new="/maintenance/windows/new",
        edit="{window}",
        remove="{window}/remove",
        mode="/maintenance/mode",
    ),
    *_pages(OWNER, "audit", list="/audit", none_found="/audit?text=zzz", entry="{entry}"),
    *_pages(
        OWNER,
        "profile",
        own="/profile",
        password="/profile/password",
        factors="/profile/factors",
        sessions="/profile/sessions",
    ),
    Page("error-unknown", OWNER, "/nothing", 404),
    Page("error-forbidden", TECHNICIAN, "/people", 403),
)

OF_OTHERS: Final = (
    *_pages(TECHNICIAN, "technician", start="/", active="/interfaces/{office}"),
    *_pages(FRANCHISEE, "franchisee", start="/", customers="/customers"),
    *_pages(OTHER, "other", start="/", offer_waits="/locations", no_customers="/customers"),
    *_pages(
        STAFF,
        "staff",
        start="/",
        companies="/operator",
        new="/operator/new",
        licences="/licences",
        maintenance="/maintenance",
        audit="/audit",
        guard="/interfaces/guard",
    ),
)

OF_VOUCHERS: Final = (
    *_pages(
        OWNER,
        "vouchers",
        overview="/vouchers",
        system="{system}",
        new="/vouchers/systems/new",
        edit="{system}/edit",
        across="{system}/cross-country",
        make="{system}/batches/new",
        batch="{batch}",
        pins="{batch}/pins",
        one="{voucher}",
        print="{batch}/print",
        print_one="{voucher}/print",
        test_code="/vouchers/test-code",
        types="{system}/types",
        type_new="{system}/types/new",
        type="{type}",
        validity="{system}/validity",
        validity_edit="{system}/validity/edit",
        write_off="/vouchers/write-offs/{run_id}",
        write_off_one="/vouchers/write-offs/{run_id}/of/{lapsed_id}",
        risk="{system}/risk",
        recovery="{system}/recovery",
        reports="{system}/reports",
        statements="{system}/reports/statements",
        claims="{system}/reports/claims",
        liability="{system}/reports/liability",
        sales="{system}/reports/sales",
        postings="{system}/reports/postings",
        exceptions="{system}/exceptions",
        case="/vouchers/cases/{operation_id}",
        pause="{system}/pauses/{station}",
    ),
    *_pages(
        OWNER,
        "corrections",
        system="{system}/corrections",
        voucher="{voucher}/corrections",
        one="{asked}",
        booked="{booked}",
        kinds="{fresh}/corrections",
        ask="{fresh}/corrections/more",
        withdraw="{batch}/withdraw",
    ),
    *_pages(
        SECOND,
        "corrections",
        approve="{asked}",
    ),
    Page("vouchers-export-over", OWNER, "/vouchers/export?link=x", 404),
    *_pages(
        OWNER,
        "partners",
        list="/interfaces/partners",
        new="/interfaces/partners/new",
        one="{partner}",
        webhooks="/interfaces/webhooks",
        webhook_new="/interfaces/webhooks/new",
        webhook="{webhook}",
    ),
    *_pages(OTHER, "other", no_vouchers="/vouchers", no_partners="/interfaces/partners"),
)

PAGES: Final = (*BEFORE, *OF_OWNER, *OF_OTHERS, *OF_VOUCHERS)
