"""Recovery, as the portal takes it in."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.recovery import api
from tillbridge.portal.recovery.office import RecoveryOffice
from tillbridge.portal.recovery.pages import RecoveryPages, banners
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.sealing.addresses import HeadAddresses
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.vouchers.desk import VoucherDesk


def feature(house: House, desk: VoucherDesk, callers: Callers) -> Feature:
    """What connectors tell; a database that was restored is noticed before anything is served, and ever after."""
    recoveries = Recoveries(house, desk)

    async def noticed() -> None:
        await recoveries.notice()

    return Feature(
        "recovery",
        pages=lambda site: RecoveryPages(site, RecoveryOffice(house, recoveries), HeadAddresses(house)).routes(),
        api=api.routes(house, recoveries, callers),
        openings=(noticed,),
        jobs=(recoveries.run,),
        banners=(banners(house),),
    )
