"""A mail server of a test's own: takes letters as RFC 5321 has it, and answers what the test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class MailServer:
    """`recipient` and `end` are its answers to RCPT and to the end of a letter; `letters` is what it took."""

    port: int = 0
    recipient: str = "250 fine"
    end: str = "250 taken"
    letters: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        await say("220 test")
        while line := await reader.readline():
            match line.split()[0].upper():
                case b"EHLO" | b"HELO":
                    await say("250 test")
                case b"RCPT":
                    await say(self.recipient)
                case b"DATA":
                    await say("354 go on")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    if self.end.startswith("250"):
                        self.letters.append(text.decode())
                    await say(self.end)
                case b"QUIT":
                    await say("221 bye")
                    break
                case _:
                    await say("250 fine")
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A server on loopback for the time of the block."""
    mine = MailServer()
    listening = await asyncio.start_server(mine.serve, "127.0.0.1", 0)
    mine.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield mine
