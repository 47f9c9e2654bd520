"""Corrections of vouchers as a part of the portal."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillbridge.portal.corrections.pages import CorrectionPages
from tillbridge.portal.corrections.pages_withdrawing import WithdrawalPages
from tillbridge.portal.corrections.reading import Reading
from tillbridge.portal.corrections.service import Corrections
from tillbridge.portal.corrections.withdrawing import Withdrawals
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Site
from tillbridge.portal.vouchers.batches_service import Batches


def feature(house: House) -> Feature:
    """Asking for corrections and deciding on them, and taking back unused codes."""
    corrections, reading, batches = Corrections(house), Reading(house), Batches(house)

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [
            *CorrectionPages(site, corrections, reading).routes(),
            *WithdrawalPages(site, batches, Withdrawals(house, batches)).routes(),
        ]

    return Feature("corrections", pages=pages)
