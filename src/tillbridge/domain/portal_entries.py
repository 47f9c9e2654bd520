"""The catalogue's entries for the link between connector and portal, and for the portal itself."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tillbridge.domain.codes import Code, Entry

_ENTRIES: Final = {
    Code.PIN_REFUSED: Entry(403, "The PIN was not accepted.", "Check the location number and the PIN, or ask the office for a new PIN.", "P101"),
    Code.PAIRING_INPUT: Entry(400, "The location number or the PIN has a typing mistake.", "Correct the place that is named; no try was counted.", "P102"),
    Code.SLOW_DOWN: Entry(429, "Too many attempts in a short time.", "Wait as long as the answer says, then try again.", "P103", passing=True),
    Code.WAITING_CONFIRM: Entry(202, "The office has to confirm this connection.", "Compare the code on both screens and let the office accept it.", "P104", passing=True),
    Code.PAIRING_DENIED: Entry(403, "The office refused the connection.", "Ask the office why, and for a new PIN.", "P105"),
    Code.FINISH_CONFLICT: Entry(409, "This pairing was finished with another request.", "Ask the office for a new PIN.", "P106"),
    Code.PAIRING_OVER: Entry(410, "This pairing took too long or is over.", "Press Retrieve again.", "P107"),
    Code.PORTAL_UNPROVEN: Entry(502, "The portal could not prove who it is.", "Stop and call support: somebody may stand between this computer and the portal.", "P108"),
    Code.CLONE_SUSPECTED: Entry(403, "Two computers seem to use this connection.", "Call support; find out which computer is the right one before it is paired again.", "P109"),
    Code.LINK_EXISTS: Entry(409, "This location is already connected.", "Say that the connection is to be replaced, if that is meant.", "P110"),
    Code.SUITE_UNKNOWN: Entry(400, "The portal does not know this version of the pairing.", "Update the connector.", "P111"),
    Code.NOT_PAIRED: Entry(403, "This location is not connected to the portal.", "Connect it first: Settings, Portal.", "P201"),
    Code.LINK_REVOKED: Entry(401, "The office ended the connection.", "Ask the office for a new PIN.", "P202"),
    Code.LINK_SUSPENDED: Entry(403, "The office paused the connection.", "Ask the office to resume it.", "P203"),
    Code.TOKEN_EXPIRED: Entry(401, "The access token has run out.", "Ask for a new one.", "P204", passing=True),
    Code.PROOF_REFUSED: Entry(401, "The proof of possession was not accepted.", "Call support: a token was used without its key, or twice.", "P205"),
    Code.NONCE_NEEDED: Entry(401, "The proof needs a fresh nonce.", "Repeat the request with the nonce of the DPoP-Nonce header.", "P206", passing=True),
    Code.LINK_SCOPE: Entry(403, "This token may not do that.", "Ask for a token with the scope that is named.", "P207"),
    Code.KEYSTORE_UNREADABLE: Entry(500, "The stored key of the connection cannot be read.", "Pair this location again.", "P208"),
    Code.RIGHT_MISSING: Entry(403, "A right is missing.", "Ask an owner of the company for the right that is named.", "P301"),
    Code.LICENCE_MISSING: Entry(403, "There is no licence for this here.", "Allot the licence that is named, or ask the sales contact.", "P302"),
    Code.STEP_UP_NEEDED: Entry(401, "A fresh proof of who you are is needed.", "Confirm with your passkey or your one-time password.", "P304"),
    Code.CONVERSION_REQUIRED: Entry(409, "The customer data must be converted first.", "Start the conversion in the portal.", "C401"),
    Code.CONVERSION_LICENCE: Entry(403, "The licence for the customer base 2.0 is missing.", "Ask the sales contact for the licence; the PIN stays valid.", "C402"),
    Code.CONVERSION_BLOCKED: Entry(409, "The customer data cannot be converted as they are.", "Look at the report and mend the rows that it names. Nothing was changed.", "C403"),
    Code.CONVERSION_FAILED: Entry(500, "The conversion failed. Nothing was changed.", "Call the support contact with the report's number.", "C404"),
    Code.CONVERSION_CHANGED: Entry(409, "The customer data changed since the report was made.", "Make a new report, then convert.", "C405"),
    Code.CONVERSION_RUNNING: Entry(409, "A conversion is running.", "Wait for its end.", "C406", passing=True),
    Code.PORTAL_UNREACHABLE: Entry(502, "The portal cannot be reached. Nothing was sent.", "Check the network; payments by card and cash go on.", "X901", passing=True),
    Code.SWITCHED_OFF: Entry(503, "This service is switched off.", "Ask the office to switch it on.", "X902"),
    Code.MAINTENANCE: Entry(503, "The portal is under maintenance.", "Wait until the time that is named; payments by card and cash go on.", "X903", passing=True),
    Code.PORTAL_REFUSED: Entry(401, "The portal refused this connection.", "Call the office.", "X904"),
    Code.OVERLOADED: Entry(503, "The portal is busy. Nothing was done.", "Send the same request again after the time that is named.", "X905", passing=True),
    Code.PORTAL_FAULT: Entry(500, "The portal has a fault of its own; it is not known whether the request was carried out.", "Repeat the same request with the same key, never a new one.", "X906", passing=True),
    Code.PORTAL_SILENT: Entry(504, "The portal did not answer; it is not known whether the request was carried out.", "Repeat the same request with the same key, never a new one.", "X907", passing=True),
    Code.SIGN_IN_REFUSED: Entry(401, "The sign-in was not accepted.", "Check the address and the password; after several wrong tries wait a few minutes."),
    Code.SIGNED_OUT: Entry(401, "Nobody is signed in.", "Sign in."),
    Code.RECORD_UNKNOWN: Entry(404, "There is no such thing here.", "Check the address; it may have been removed."),
    Code.RECORD_CONFLICT: Entry(409, "This does not fit with what is there.", "Look at what is there now, then try again."),
    Code.SERVICE_UNAVAILABLE: Entry(503, "This service is not available.", "Look at the list of services."),
    Code.COMMAND_EXPIRED: Entry(409, "The connector did not take the command in time.", "Look whether the connector is connected, then give the command anew."),
    Code.LINK_OUTDATED: Entry(409, "One side of the connection is too old for the other.", "Update the side that is named."),
    Code.DATABASE_UNAVAILABLE: Entry(503, "The database of the portal cannot be reached.", "Try again in a minute.", passing=True),
    Code.DATABASE_TOO_OLD: Entry(500, "The database has not been migrated to this version.", "Run: tillbridge portal migrate."),
    Code.DATABASE_TOO_NEW: Entry(500, "The database was migrated by a newer version.", "Install that version or a newer one."),
    Code.FILE_UNREADABLE: Entry(400, "The file cannot be read.", "Send a file of the kind and size that is named."),
}  # fmt: skip

PORTAL_ENTRIES: Final[Mapping[Code, Entry]] = MappingProxyType(_ENTRIES)
