"""An emulated MMR3 that only pushes, in a process of its own: MES1 messages, numbered from 1, at a rate.

`python -m labmon_dagster_tests.soak.pushing FROM TO RATE SECONDS`: ports, messages a second; 0 s:
until SIGTERM. At the end it says a line of JSON: how many it has sent, and how long that took. The first
200,000 messages are made before, so that a high rate is reached.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from itertools import islice
from types import FrameType

from labmon_dagster.sources.imacrt.emulator import MMR3Module

HOST = "127.0.0.1"
_TICK = 0.001
_MADE_AHEAD = 200_000


class Pusher:
    """Pushes until its time is over, or it is stopped."""

    def __init__(self, ours: int, to: int) -> None:
        self.sent = 0
        self._to = (HOST, to)
        self._module = MMR3Module(0)
        self._stopped = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, ours))
        signal.signal(signal.SIGTERM, self._stop)

    def push(self, rate: float, seconds: float) -> float:
        """Push; gives how long it took (s)."""
        messages = self._messages(int(rate * seconds))
        began = time.monotonic()
        while not self._stopped:
            passed = time.monotonic() - began
            if seconds and passed >= seconds:
                break
            for message in islice(messages, int(passed * rate) - self.sent):
                self._socket.sendto(message, self._to)
                self.sent += 1
            time.sleep(_TICK)
        return time.monotonic() - began

    def _messages(self, wanted: int) -> Iterator[bytes]:
        ahead = [self._module.mes1(time.time()).payload for _ in range(min(wanted, _MADE_AHEAD))]
        yield from ahead
        while True:
            yield self._module.mes1(time.time()).payload

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopped = True


def main() -> None:
    """Push, and say how much."""
    ours, to, rate, seconds = sys.argv[1:]
    pusher = Pusher(int(ours), int(to))
    sys.stdout.write("pushing\n")
    sys.stdout.flush()
    took = pusher.push(float(rate), float(seconds))
    sys.stdout.write(json.dumps({"sent": pusher.sent, "seconds": took}) + "\n")


if __name__ == "__main__":
    main()
