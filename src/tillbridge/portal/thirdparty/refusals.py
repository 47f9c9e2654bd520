"""How this form says no: any status but 200, and a body whose `message` is a sentence for the cashier.

Our own stable code and its number stand beside it, for programs: the form itself has no place for them.
"""

import json
from http import HTTPStatus
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.cashier_vouchers import MONEY_MEMBERS, voucher_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.partners.api import CHALLENGE
from tillbridge.portal.problems import as_bridge_error
from tillbridge.portal.thirdparty.branches import Branch
from tillbridge.portal.thirdparty.requests import is_code
from tillbridge.portal.vouchers.gate import with_legacy
from tillbridge.portal.vouchers.model import Answered
from tillbridge.web.language import choose
from tillbridge.web.problem import MEDIA_TYPE
from tillbridge.web.words import Words

_MINOR: Final = MONEY_MEMBERS | {"left"}
"""Members of a refusal that are amounts; in this form their names say so."""

_STANDARD: Final = frozenset(
    {
        *("type", "title", "status", "detail", "code", "number", "retry_after", "action", "place", "payment_id"),
        *("money_moved", "trace_id", "cashier_text", "final"),
    }
)
"""Members that every refusal of the portal has; the others are a code's own."""

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_PERHAPS: Final = {"type": ["string", "null"]}

REFUSED: Final[dict[str, Any]] = {
    "description": "Refused: `message` is for the cashier, `error_code` and `error_number` are for programs",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["code", "message", "error_code", "error_number", "final"],
                "properties": {
                    **dict.fromkeys(("code", "message", "error_code", "error_number"), _TEXT),
                    "final": {"type": "boolean"},
                    **dict.fromkeys(("balance_in_cents", "left_in_cents", "tries_left"), _WHOLE),
                    **dict.fromkeys(("until", "place", "trace_id"), _PERHAPS),
                },
            }
        },
        # What is refused before a route of this form is found: an unknown host, a body that is far too large.
        MEDIA_TYPE.decode(): {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code"],
                "properties": {**dict.fromkeys(("type", "title", "code"), _TEXT), "status": _WHOLE},
            }
        },
    },
}
"""How every route of this form says no, as the interface's own document has it."""

log = structlog.get_logger(__name__)


def sentence(house: House, error: BridgeError, branch: Branch | None, accept_language: str | None = None) -> str:
    """What the cashier reads, with its figures where the location is known."""
    if branch is None:
        return refusal_text(error.code, choose(None, None, accept_language))
    language = branch.counter.language
    words = _words(house, language, branch.time_zone)
    told = voucher_text(
        error,
        language,
        lambda minor: amount(words, minor, branch.currency),
        lambda at: words.moment(at).text,
    )
    return told or refusal_text(error.code, language)


def error_of(answered: Answered) -> BridgeError:
    """The refusal that was kept as the answer to a redemption."""
    said: dict[str, Any] = json.loads(answered.body)
    members = {name: value for name, value in said.items() if name not in _STANDARD}
    return BridgeError(Code(said["code"]), said.get("detail", ""), place=said.get("place"), members=members)


def refusal(house: House, request: Request, error: Exception, route: str, branch: Branch | None) -> Response:
    """The answer for whatever went wrong. `route` is the pattern of the path: no log has the path itself.

    A path has a voucher's number in it, and perhaps its PIN.
    """
    known, trace = as_bridge_error(error), None
    if known is None:
        trace = house.runtime.ids.new()
        log.error("request_fault", trace_id=trace, path=route, exc_info=error)
        known = BridgeError(Code.PORTAL_FAULT)
    known = with_legacy(known)
    code = request.path_params.get("code", "")
    body = {
        "code": code if is_code(code) else "",
        "message": sentence(house, known, branch, request.headers.get("accept-language")),
        "error_code": known.code.value,
        "error_number": known.entry.number,
        "final": not known.entry.passing,
        **{f"{name}_in_cents" if name in _MINOR else name: value for name, value in known.members.items()},
        **({} if known.place is None else {"place": known.place}),
        **({} if trace is None else {"trace_id": trace}),
    }
    headers = {} if known.retry_after is None else {"Retry-After": str(known.retry_after)}
    if known.entry.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    return JSONResponse(body, known.entry.status, headers)


def _words(house: House, language: Language, zone: str) -> Words:
    return Words(CATALOGUES[language], house.runtime.clock.now(), ZoneInfo(zone))
