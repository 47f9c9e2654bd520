"""What a buyer can do on the payment page."""

from enum import StrEnum


class Deed(StrEnum):
    """What a buyer does on the page. `hang` leaves the bank's answer open, until somebody gives it."""

    PAY = "pay"
    DECLINE = "decline"
    HANG = "hang"
    CANCEL = "cancel"
