"""The one error of the pipes."""


class LineUnavailable(Exception):
    """A line could not be opened. `detail` names the cause in words that a shop's technician understands."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
