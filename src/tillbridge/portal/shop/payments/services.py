"""The payment services of a portal, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from tillbridge.portal.house import House
from tillbridge.portal.shop.payments.contract import PaymentService
from tillbridge.portal.shop.payments.hipay_service import NAME as HIPAY
from tillbridge.portal.shop.payments.hipay_service import hipay_service
from tillbridge.portal.shop.payments.test_service import NAME, TestPayments

Services = Mapping[str, PaymentService]
"""The first of them is the one that buyers pay with."""


def embedded(house: House) -> Services:
    """What a portal has without any further package: HiPay where it is set, the test service where it may be."""
    found: dict[str, PaymentService] = {}
    hipay = house.settings.shop.hipay
    if hipay is not None:
        found[HIPAY] = hipay_service(hipay)
    if TestPayments.offered(house.settings):
        found[NAME] = TestPayments(house)
    return MappingProxyType(found)
