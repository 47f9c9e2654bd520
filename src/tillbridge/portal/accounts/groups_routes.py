"""The pages of groups: which there are, and a matrix of what each may view and edit."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.accounts import people_forms as forms
from tillbridge.portal.accounts.desk import EDIT_PEOPLE, require_somewhere
from tillbridge.portal.accounts.groups_service import GroupPage, Groups
from tillbridge.portal.accounts.people_model import Group
from tillbridge.portal.accounts.people_routes import notice_of
from tillbridge.portal.accounts.rights_tables import GROUP_NAME_LENGTH
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Right
from tillbridge.web.going import see_other

PATH: Final = "/people/groups"


class GroupPages:
    """Lists groups, and makes, changes and removes them."""

    def __init__(self, site: Site, groups: Groups) -> None:
        self._site = site
        self._groups = groups

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self._site, f"{PATH}/{{group_id}}"
        return [
            site.get(PATH, self.overview),
            site.get(f"{PATH}/new", self.ask_new),
            site.post(f"{PATH}/new", self.make),
            site.get(one, self.show),
            site.get(f"{one}/edit", self.edit),
            site.post(f"{one}/edit", self.change),
            site.post(f"{one}/remove", self.remove),
        ]

    async def overview(self, request: Request, visit: Visit) -> Response:
        """All groups."""
        t = self._site.words(request, visit.person).t
        found, sizes = await self._groups.every(visit.person)
        return await self._site.page(
            request,
            "people/groups.html",
            visit=visit,
            rows=[(one, forms.group_name(t, one), None if sizes is None else sizes.get(one.id, 0)) for one in found],
            may_edit=bool(await self._groups.blank(visit.person)),
            notice=notice_of(request, t),
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """What a group may do."""
        return await self._show(request, visit)

    async def ask_new(self, request: Request, visit: Visit) -> Response:
        """The form of a new group."""
        return await self._form(request, visit, {})

    async def make(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        try:
            givable = await self._groups.blank(visit.person)
            rights = forms.read_rights(form, kept=frozenset(), givable=givable)
            group = await self._groups.make(visit.person, form.get("name", ""), rights)
        except BridgeError as error:
            return await self._form(request, visit, form, error=error)
        return see_other(f"{PATH}/{group.id}?done=group_made")

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of a group that is there."""
        page = await self._groups.show(visit.person, request.path_params["group_id"])
        # Whoever may edit may view: the boxes say so.
        held = {*page.group.rights, *(Right(right.area, Action.VIEW) for right in page.group.rights)}
        ticked = {f"right.{right}": forms.TICK for right in held}
        return await self._form(request, visit, {"name": page.group.name, **ticked}, page=page)

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Changes it."""
        page = await self._groups.show(visit.person, request.path_params["group_id"])
        group = page.group
        try:
            rights = forms.read_rights(form, kept=group.rights, givable=page.givable)
            await self._groups.change(visit.person, group.id, form.get("name", ""), rights)
        except BridgeError as error:
            return await self._form(request, visit, form, page=page, error=error)
        return see_other(f"{PATH}/{group.id}?done=group_changed")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:
        """Removes an empty group."""
        try:
            await self._groups.remove(visit.person, request.path_params["group_id"])
        except BridgeError as error:
            return await self._show(request, visit, form, error)
        return see_other(f"{PATH}?done=group_removed")

    async def _show(
        self, request: Request, visit: Visit, _: Form | None = None, error: BridgeError | None = None
    ) -> Response:
        t = self._site.words(request, visit.person).t
        wrong = {} if error is None else forms.wrong_of(t, error)
        page = await self._groups.show(visit.person, request.path_params["group_id"])
        return await self._site.page(
            request,
            "people/group.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else error.entry.status,
            page=page,
            name=forms.group_name(t, page.group),
            rows=_rows(page.group),
            is_owners=page.group.stock is Stock.OWNER,
            wrong=wrong,
            notice=notice_of(request, t),
        )

    async def _form(
        self,
        request: Request,
        visit: Visit,
        form: Form,
        *,
        page: GroupPage | None = None,
        error: BridgeError | None = None,
    ) -> Response:
        t, person = self._site.words(request, visit.person).t, visit.person
        wrong = {} if error is None else forms.wrong_of(t, error)
        require_somewhere(person, EDIT_PEOPLE)
        person.require_step_up(self._site.house.runtime.clock.now())
        return await self._site.page(
            request,
            "people/group_form.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else error.entry.status,
            group=None if page is None else page.group,
            name="" if page is None else forms.group_name(t, page.group),
            areas=forms.areas(),
            givable={str(right) for right in (await self._groups.blank(person) if page is None else page.givable)},
            form=forms.filled(form),
            longest=GROUP_NAME_LENGTH,
            wrong=wrong,
        )


def _rows(group: Group) -> list[tuple[Area, bool, bool]]:
    """The areas in which a group may do anything, with whether it may view and edit."""
    rows = []
    for area in Area:
        edit = Right(area, Action.EDIT) in group.rights
        if edit or Right(area, Action.VIEW) in group.rights:
            rows.append((area, True, edit))
    return rows
