"""Who asks a connector over its application: a program with the key, and a person at the console."""

from dataclasses import dataclass

from tests.support.console.asgi_client import Client
from tests.support.console.counter import KEY
from tillbridge.web.asgi import App


@dataclass(frozen=True)
class Callers:
    """Of one connector."""

    app: App

    def program(self) -> Client:
        return Client(self.app, {"authorization": f"Bearer {KEY}"})

    async def person(self, language: str = "en") -> Client:
        browser = Client(self.app, {"accept": "text/html", "accept-language": language})
        assert (await browser.submit("/sign-in", key=KEY)).status == 303
        return browser
