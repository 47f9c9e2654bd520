"""A provider of vouchers that is not there, with everything that may go wrong at one.

It speaks the documented form for tills of other makers, and knows nothing of the connector
(docs/reference/voucher-providers.md, sections 3 and 6).
"""
