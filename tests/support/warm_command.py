"""`tillbridge` for shells, and for tests that have no loop: `python -I -S warm_command.py SERVER ARGUMENTS`.

It reads nothing but what stands here, has the warm server start the command with its own input, output, folder and
environment, passes signals on, and ends as the command does. `SIGUSR1` is passed on as a kill.
"""

import json
import os
import signal
import socket
import sys


def main() -> int:
    server, *arguments = sys.argv[1:]
    asked = {
        "arguments": arguments,
        "environment": dict(os.environ),
        "session": False,
        "folder": os.getcwd(),  # noqa: PTH109  # nothing more is imported here than must be
        "bound": True,
    }
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(server)
        socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
        told = line.makefile("rb")
        child = int(told.readline())
        for how in (signal.SIGTERM, signal.SIGINT):
            signal.signal(how, lambda number, _: os.kill(child, number))
        signal.signal(signal.SIGUSR1, lambda *_: os.kill(child, signal.SIGKILL))
        return int(told.readline())


if __name__ == "__main__":
    code = main()
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
