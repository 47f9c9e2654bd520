"""The published client pypostelium as a program, in its own environment: the same commands as `our_till`.

It opens the port for each payment, as published; `open N` measures that part alone with the library that it uses. It
sends requests that ask for an answer at once and gives back whether the request was sent, not what became of it.
"""

import importlib
import json
import logging
import sys
from time import perf_counter, process_time


def pay(driver: object, number: int) -> None:
    """One payment; RuntimeError if the client says that it did not get through."""
    request = json.dumps({"amount": 1 + number / 100, "payment_mode": "card", "currency_iso": "EUR"})
    if not driver.transaction_start(request):  # type: ignore[attr-defined]
        raise RuntimeError("a payment of the benchmark was not sent")


def main() -> None:
    """See the module."""
    logging.disable(logging.CRITICAL)
    port = sys.argv[1]
    settings = {"telium_terminal_device_name": port, "telium_terminal_device_rate": 9600}
    driver = importlib.import_module("pypostelium").Driver(settings)
    serial = importlib.import_module("serial").Serial
    for line in sys.stdin:
        word, _, number = line.rpartition(" ")
        count = int(number)
        clock, processor = perf_counter(), process_time()
        for place in range(count):
            if word:
                serial(port, 9600, timeout=3).close()
            else:
                pay(driver, place)
        taken = {"wall": (perf_counter() - clock) / count, "cpu": (process_time() - processor) / count}
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
