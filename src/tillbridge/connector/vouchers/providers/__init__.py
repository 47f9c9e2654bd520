"""Vouchers of other makers at our tills: asked of their providers directly (docs/reference/voucher-providers.md)."""
