"""Letters to people, as a feature of the portal: the job that sends them."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.mail.sending import sending_job


def feature(house: House) -> Feature:
    """Sends what other features have written."""
    return Feature(name="mail", jobs=(sending_job(house),))
