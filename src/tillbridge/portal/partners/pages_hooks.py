"""The pages of webhooks, below Interfaces."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.locations.views import Badge, day, day_and_clock, done, wrong_field
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.partners.hooks_model import (
    CHOOSABLE,
    LONGEST_DESCRIPTION,
    Delivery,
    DeliveryState,
    Topic,
    Webhook,
)
from tillbridge.portal.partners.hooks_service import HookDraft, Shown, Webhooks
from tillbridge.portal.partners.hooks_store import PER_PAGE
from tillbridge.portal.partners.pages import zone_of
from tillbridge.portal.rights import Action, Area
from tillbridge.web.going import see_other
from tillbridge.web.webhooks.addresses import LONGEST_URL
from tillbridge.web.words import Moment, Words

PATH: Final = "/interfaces/webhooks"

_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_WRONG: Final = {
    "url": "partners.wrong.url",
    "description": "partners.wrong.description",
    "topics": "partners.wrong.topics",
}
_TONES: Final = {DeliveryState.WAITING: "running", DeliveryState.DELIVERED: "good", DeliveryState.GAVE_UP: "bad"}


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message as the list shows it."""

    id: str
    topic: str
    number: str
    at: Moment
    badge: Badge
    attempts: str
    again: Moment | None
    answer: str
    replayable: bool


class HookPages:
    """Shows, makes and ends webhooks, and sends messages again."""

    def __init__(self, site: Site, hooks: Webhooks) -> None:
        self._site = site
        self._hooks = hooks

    def routes(self) -> list[BaseRoute]:
        """Every page of it; those with fixed words stand before those with an id."""
        site, one = self._site, f"{PATH}/{{webhook_id}}"
        return [
            site.get(PATH, self.listing),
            site.get(f"{PATH}/new", self.new),
            site.post(f"{PATH}/new", self.create),
            site.get(one, self.show),
            site.post(f"{one}/rotate", self.rotate),
            # A secret is shown once, as the answer to its form: there is nothing to load again.
            site.get(f"{one}/rotate", self.back_to_one),
            site.post(f"{one}/test", self.test),
            site.post(f"{one}/replay", self.replay),
            site.post(f"{one}/remove", self.remove),
        ]

    async def listing(self, request: Request, visit: Visit) -> Response:
        """The webhooks, and what waits for each."""
        found = await self._hooks.all(visit.person)
        words = self._site.words(request, visit.person)
        return await self._site.page(
            request,
            "partners/hooks.html",
            visit=visit,
            rows=[
                (one.webhook, words.count(one.waiting), words.count(one.gave_up), self._badge(one.webhook, words))
                for one in found
            ],
            may_edit=visit.person.may(Area.PARTNERS, Action.EDIT),
            notice=done(request, words.t, "partners"),
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new webhook; at first all is ticked."""
        return await self._form(request, visit, {_field(one): "on" for one in CHOOSABLE}, {})

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it and shows its secret, this once."""
        topics = tuple(one for one in CHOOSABLE if form.get(_field(one)) == "on")
        draft = HookDraft(form.get("url", ""), form.get("description", ""), topics)
        try:
            shown = await self._hooks.add(visit.person, draft)
        except BridgeError as error:
            return await self._form(request, visit, form, wrong_field(error, _WRONG))
        return await self._secret(request, visit, shown)

    async def show(self, request: Request, visit: Visit) -> Response:
        """One webhook with its messages."""
        return await self._show(request, visit, {})

    async def back_to_one(self, request: Request, visit: Visit) -> Response:
        """To the webhook."""
        one, _ = await self._hooks.seen(visit.person, request.path_params["webhook_id"], None, None)
        return see_other(f"{PATH}/{one.id}")

    async def rotate(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as the site has it
        """Makes a new secret and shows it, this once."""
        shown = await self._hooks.rotate(visit.person, request.path_params["webhook_id"])
        return await self._secret(request, visit, shown)

    async def test(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as the site has it
        """Sends a trial."""
        await self._hooks.test(visit.person, request.path_params["webhook_id"])
        return see_other(f"{_path(request)}?done=tested")

    async def replay(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sends a message again."""
        await self._hooks.replay(visit.person, request.path_params["webhook_id"], form.get("message", ""))
        return see_other(f"{_path(request)}?done=replayed")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes a webhook away, once that was ticked."""
        if form.get("sure") != "yes":
            return await self._show(request, visit, {"sure": "partners.wrong.sure"})
        await self._hooks.remove(visit.person, request.path_params["webhook_id"])
        return see_other(f"{PATH}?done=hook_removed")

    async def _secret(self, request: Request, visit: Visit, shown: Shown) -> Response:
        answer = await self._site.page(
            request, "partners/secret.html", visit=visit, one=shown.webhook, secret=shown.secret
        )
        # A page with a secret on it is written to no disk, and a proxy keeps none of them.
        answer.headers["Cache-Control"] = "no-store, private"
        return answer

    async def _form(self, request: Request, visit: Visit, form: Form, wrong: dict[str, str]) -> Response:
        visit.person.require(Area.PARTNERS, Action.EDIT)
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "partners/hook_new.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            form=form,
            topics=[(_field(one), t(f"partners.topic.{one}"), one.value) for one in CHOOSABLE],
            longest_url=LONGEST_URL,
            longest=LONGEST_DESCRIPTION,
            wrong={name: t(key) for name, key in wrong.items()},
        )

    async def _show(self, request: Request, visit: Visit, wrong: dict[str, str]) -> Response:
        asked = request.query_params
        state = next((one for one in DeliveryState if one == asked.get("state")), None)
        before = asked.get("before", "")
        person = visit.person
        one, found = await self._hooks.seen(
            person, request.path_params["webhook_id"], state, before if _ID.fullmatch(before) else None
        )
        zone = await zone_of(self._site, person)
        words, may_edit = self._site.words(request, person, zone), person.may(Area.PARTNERS, Action.EDIT)
        return await self._site.page(
            request,
            "partners/hook.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=zone,
            one=one,
            badge_of=self._badge(one, words),
            made=day(words, one.created_at),
            previous=""
            if one.previous_until is None or one.previous_until <= words.now
            else day_and_clock(words, one.previous_until),
            topics=[words.t(f"partners.topic.{topic}") for topic in one.topics],
            rows=[self._row(each, words, may_edit=may_edit) for each in found[:PER_PAGE]],
            older=found[PER_PAGE - 1].id if len(found) > PER_PAGE else "",
            states=[(each.value, words.t(f"partners.delivery.{each}")) for each in DeliveryState],
            state="" if state is None else state.value,
            may_edit=may_edit,
            wrong={name: words.t(key) for name, key in wrong.items()},
            notice=done(request, words.t, "partners"),
        )

    def _badge(self, one: Webhook, words: Words) -> Badge:
        if one.failures:
            return Badge("alert", words.t("partners.hook.failing"))
        return Badge("good", words.t("partners.hook.well"))

    def _row(self, one: Delivery, words: Words, *, may_edit: bool) -> DeliveryRow:
        subject = one.body.get("voucher")
        waits = one.state is DeliveryState.WAITING
        return DeliveryRow(
            id=one.id,
            topic=words.t(f"partners.topic.{one.topic}"),
            number=str(subject.get("number", "")) if isinstance(subject, dict) else "",
            at=words.moment(one.happened_at),
            badge=Badge(_TONES[one.state], words.t(f"partners.delivery.{one.state}")),
            attempts=words.count(one.attempts),
            again=words.moment(one.next_at) if waits and one.attempts else None,
            answer=one.fault or ("" if one.status is None else str(one.status)),
            replayable=may_edit and not waits,
        )


def _field(topic: Topic) -> str:
    """The name of a topic's box in the form."""
    return f"topic-{topic.value.partition('.')[2]}"


def _path(request: Request) -> str:
    return f"{PATH}/{request.path_params['webhook_id']}"
