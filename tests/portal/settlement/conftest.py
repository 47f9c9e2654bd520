"""The floor of the tests of vouchers, for what is settled on it."""

from tests.portal.vouchers.conftest import floor

__all__ = ["floor"]
