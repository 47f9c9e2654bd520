"""Our own style and script, served to a browser."""

from starlette.responses import Response
from starlette.staticfiles import StaticFiles


class OwnFiles(StaticFiles):
    """Our own style and script: kept by the browser, but asked for anew, so that an update shows at once.

    `package` has them in its `static`; what all sites share comes from `look` here.
    """

    def __init__(self, package: str) -> None:
        super().__init__(packages=[(package, "static"), ("tillbridge.web", "look")])

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """A file of the package, see starlette."""
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        answer.headers["Cache-Control"] = "no-cache"
        return answer
