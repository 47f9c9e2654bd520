"""Where the third version of HiPay's reads is (HOSTED.md, section 1). The gateway stands in `psp/hipay/hosts.py`."""

from typing import Final

from tillbridge.psp.hipay.hosts import Environment

READS: Final = {
    Environment.STAGE: "https://stage-api-gateway.hipay.com",
    Environment.PRODUCTION: "https://api-gateway.hipay.com",
}
