"""The addresses of the installation text: the installer's archive, and beside it the signed updates as plain files.

README.md, section 9. The archives are tillbridge's own, made by `tillbridge release`; none of HiPay's is here.
"""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tillbridge.psp.hipay.sandbox.provider import Provider

SYSTEMS: Final = frozenset({"linux", "windows_64"})
TYPE: Final = "concertv2"
UPDATE_FOLDERS: Final = ("metadata", "targets")
"""What of the folder is given to everybody: a release may have more beside it that is nobody's business."""


def ecr_routes(provider: Provider) -> Sequence[BaseRoute]:
    """The paths below `/v1/ecr`; without a folder of releases there is nothing to be had at them."""
    releases = provider.settings.releases

    async def setup(request: Request) -> Response:
        if provider.credentials.pair(request.headers.get("x-authorization")) is None:
            return _refused(HTTPStatus.UNAUTHORIZED, "x-authorization must be Basic with the account's login")
        system, kind = request.query_params.get("os", ""), request.query_params.get("type", "")
        if system not in SYSTEMS or kind != TYPE:
            known = " or ".join(sorted(SYSTEMS))
            return _refused(HTTPStatus.NOT_FOUND, f"os must be {known}, and type {TYPE}")
        name = f"setup-{TYPE}-{system}.zip"
        archive = None if releases is None else releases / name
        if archive is None or not archive.is_file():
            return _refused(HTTPStatus.NOT_FOUND, f"there is no {name} here")
        return FileResponse(archive, media_type="application/zip", filename=name)

    return [Route("/v1/ecr/versions/setup", setup, methods=["GET"]), *_updates(releases)]


def _updates(releases: Path | None) -> list[BaseRoute]:
    if releases is None:
        return []
    return [
        Mount(f"/v1/ecr/updates/{name}", app=StaticFiles(directory=releases / name, check_dir=False))
        for name in UPDATE_FOLDERS
    ]


def _refused(status: HTTPStatus, text: str) -> Response:
    return JSONResponse({"code": int(status), "message": status.phrase, "description": text}, status)
