"""The pages of signing in, of the second factor, of the fresh proof, and of signing out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import factor_store, store
from tillbridge.portal.accounts.front import Front, Wrong, back_to, onward, with_next, wrong
from tillbridge.portal.accounts.model import Account, Factor, FactorKind, Session
from tillbridge.portal.accounts.passkeys import Party, Passkeys, Purpose, party_of
from tillbridge.portal.accounts.profile import Profile
from tillbridge.portal.accounts.sessions import Sessions, form_token, owns_form, take_cookie
from tillbridge.portal.accounts.sign_in import SignIn
from tillbridge.portal.pages.site import TOKEN, Form, Visit
from tillbridge.portal.problems import SIGN_IN, STEP_UP
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

FACTOR: Final = "/sign-in/factor"
FACTORS: Final = "/profile/factors"

_DONE: Final = frozenset({"signed_out", "password_set", "accepted"})
"""What the sign-in page says when another page led there."""


@dataclass(frozen=True, slots=True)
class Usable:
    """Which kinds of factor a page asks for."""

    totp: bool
    passkeys: bool


class SignInPages:
    """Everything before somebody is in, and the way out."""

    def __init__(self, front: Front) -> None:
        house = front.house
        self._front = front
        self._site = front.site
        self._house = house
        self._sign_in = SignIn(house)
        self._sessions = Sessions(house)
        self._passkeys = Passkeys(house)
        self._profile = Profile(house)

    def routes(self) -> Sequence[BaseRoute]:
        """What `feature.py` adds to the portal."""
        return (
            Route(SIGN_IN, self.sign_in_page, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(f"{SIGN_IN}/passkey", self.sign_in_by_passkey, methods=["POST"]),
            Route(FACTOR, self.factor_page, methods=["GET"]),
            Route(FACTOR, self.factor, methods=["POST"]),
            Route(f"{FACTOR}/passkey", self.factor_by_passkey, methods=["POST"]),
            Route("/passkeys/options", self.options, methods=["GET"]),
            self._site.get(STEP_UP, self.step_up_page),
            self._site.post(STEP_UP, self.step_up),
            self._site.post(f"{STEP_UP}/passkey", self.step_up_by_passkey),
            self._site.post("/sign-out", self.sign_out),
            *(back_to(f"{page}/passkey", page) for page in (SIGN_IN, FACTOR, STEP_UP)),
        )

    # ---------------------------------------------------------------- password or passkey

    async def sign_in_page(self, request: Request) -> Response:
        """The form; somebody who is in already goes on."""
        if await self._site.doorkeeper.visit(request) is not None:
            return see_other(onward(request.query_params))
        return await self._door(request, request.query_params)

    async def sign_in(self, request: Request) -> Response:
        """The password. Every reason to refuse it gives the same answer."""
        form = await self._front.form(request)
        try:
            opened = await self._sign_in.by_password(request, form.get("email", ""), form.get("password", ""))
        except BridgeError as error:
            return await self._door(request, form, wrong(error, "accounts.wrong.sign_in"))
        after = onward(form)
        return self._front.let_in(with_next(FACTOR, after) if opened.awaits_factor else after, opened.secret)

    async def sign_in_by_passkey(self, request: Request) -> Response:
        """A passkey instead of a password."""
        form = await self._front.form(request)
        holder = self._front.doorstep.holder(request)
        try:
            opened = await self._sign_in.by_passkey(request, self._party(request), holder, form.get("credential", ""))
        except BridgeError as error:
            return await self._door(request, form, wrong(error, "accounts.wrong.passkey"))
        return self._front.let_in(onward(form), opened.secret)

    async def _door(self, request: Request, given: Form, failed: Wrong | None = None) -> Response:
        done = given.get("done", "")
        return await self._front.page(
            request,
            "accounts/sign_in.html",
            failed=failed,
            onward=onward(given),
            email=given.get("email", ""),
            done=done if done in _DONE else "",
            passkeys=party_of(request, self._house.settings) is not None,
        )

    # ---------------------------------------------------------------- second factor

    async def factor_page(self, request: Request) -> Response:
        """Asks for the second factor."""
        session, account = await self._sessions.half(request)
        return await self._factor_door(request, session, account, request.query_params)

    async def factor(self, request: Request) -> Response:
        """A one-time password or a recovery code."""
        session, account, form = await self._half_form(request)
        try:
            secret = await self._sign_in.finish_by_code(request, session, account, form.get("code", ""))
        except BridgeError as error:
            failed = wrong(error, "accounts.wrong.code")
            return await self._factor_door(request, session, account, form, failed)
        return self._front.let_in(onward(form), secret)

    async def factor_by_passkey(self, request: Request) -> Response:
        """A passkey as the second factor."""
        session, account, form = await self._half_form(request)
        answer = form.get("credential", "")
        try:
            secret = await self._sign_in.finish_by_passkey(request, self._party(request), session, account, answer)
        except BridgeError as error:
            failed = wrong(error, "accounts.wrong.passkey")
            return await self._factor_door(request, session, account, form, failed)
        return self._front.let_in(onward(form), secret)

    async def _half_form(self, request: Request) -> tuple[Session, Account, Form]:
        session, account = await self._sessions.half(request)
        form = await read_form(request)
        if not owns_form(self._house.vault, session.id, form.get(TOKEN)):
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this session; load the page again")
        return session, account, form

    async def _factor_door(
        self, request: Request, session: Session, account: Account, given: Form, failed: Wrong | None = None
    ) -> Response:
        factors = await self._factors(account.id)
        return await self._site.page(
            request,
            "accounts/factor.html",
            visit=None,
            status=200 if failed is None else failed.status,
            token=form_token(self._house.vault, session.id),
            wrong=failed,
            onward=onward(given),
            usable=self._usable(request, factors),
        )

    # ---------------------------------------------------------------- fresh proof

    async def step_up_page(self, request: Request, visit: Visit) -> Response:
        """Asks for a fresh proof; somebody without a second factor is led to add one first."""
        factors = await self._factors(visit.person.id)
        if not factors:
            return see_other(with_next(FACTORS, onward(request.query_params)) + "&done=needed")
        return await self._step_up_door(request, visit, request.query_params)

    async def step_up(self, request: Request, visit: Visit, form: Form) -> Response:
        """A one-time password."""
        try:
            secret = await self._sign_in.step_up_by_code(visit, form.get("code", ""))
        except BridgeError as error:
            return await self._step_up_door(request, visit, form, wrong(error, "accounts.wrong.totp"))
        return self._front.let_in(onward(form), secret)

    async def step_up_by_passkey(self, request: Request, visit: Visit, form: Form) -> Response:
        """A passkey."""
        try:
            secret = await self._sign_in.step_up_by_passkey(visit, self._party(request), form.get("credential", ""))
        except BridgeError as error:
            return await self._step_up_door(request, visit, form, wrong(error, "accounts.wrong.passkey"))
        return self._front.let_in(onward(form), secret)

    async def _step_up_door(self, request: Request, visit: Visit, given: Form, failed: Wrong | None = None) -> Response:
        factors = await self._factors(visit.person.id)
        return await self._site.page(
            request,
            "accounts/step_up.html",
            visit=visit,
            status=200 if failed is None else failed.status,
            wrong=failed,
            onward=onward(given),
            usable=self._usable(request, factors),
        )

    async def sign_out(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as Site.post has it
        """Ends the session."""
        await self._profile.sign_out(visit)
        answer = see_other(f"{SIGN_IN}?done=signed_out")
        take_cookie(answer, self._house.settings)
        return answer

    # ---------------------------------------------------------------- passkeys

    async def options(self, request: Request) -> Response:
        """What the script hands to the browser, as JSON. Asking changes nothing."""
        party, wanted = self._party(request), request.query_params.get("for", "")
        if wanted not in set(Purpose):
            raise BridgeError(Code.PATH_UNKNOWN)
        text = await self._asking(request, party, Purpose(wanted))
        return Response(text, media_type="application/json")

    async def _asking(self, request: Request, party: Party, purpose: Purpose) -> str:
        match purpose:
            case Purpose.SIGN_IN:
                return self._passkeys.asking(party, purpose, self._front.doorstep.holder(request))
            case Purpose.FACTOR:
                session, account = await self._sessions.half(request)
                return self._passkeys.asking(party, purpose, session.id, await self._factors(account.id))
            case Purpose.STEP_UP:
                visit = await self._site.visit(request)
                return self._passkeys.asking(party, purpose, visit.session_id, await self._factors(visit.person.id))
            case Purpose.ENROL:
                visit = await self._site.visit(request)
                async with self._house.database.reading() as connection:
                    account_now = await store.by_id(connection, visit.person.id)
                if account_now is None:
                    raise BridgeError(Code.SIGNED_OUT)
                known = await self._factors(visit.person.id)
                return self._passkeys.enrolling(party, visit.session_id, account_now, known)

    def _party(self, request: Request) -> Party:
        party = party_of(request, self._house.settings)
        if party is None:
            raise BridgeError(Code.SIGN_IN_REFUSED, "passkeys need the portal's name, not a number", place="credential")
        return party

    def _usable(self, request: Request, factors: Sequence[Factor]) -> Usable:
        """Which of these factors can be asked for at this address."""
        party = party_of(request, self._house.settings)
        return Usable(
            totp=any(one.kind is FactorKind.TOTP for one in factors),
            passkeys=party is not None and any(one.rp_id == party.id for one in factors),
        )

    async def _factors(self, person_id: str) -> Sequence[Factor]:
        async with self._house.database.reading() as connection:
            return await factor_store.factors_of(connection, person_id)
