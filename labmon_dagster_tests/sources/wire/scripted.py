"""A port whose device does what a test says: no socket, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from labmon_dagster.model.devices import DeviceError, Heard
from labmon_dagster.sources.wire.peer import Peer, Sender

DEVICE = ("192.168.44.61", 12061)
NAME = b"MMR3_01_2_073_v2.2"


def is_name(payload: bytes) -> bool:
    return payload.startswith(b"MMR3")


class ScriptedPort:
    """Gives each question to ``answers``; what that gives comes at once, all in one go."""

    def __init__(self, answers: Callable[[str], list[bytes]]) -> None:
        self.asked: list[str] = []
        self.unasked: list[Heard] = []
        self.unreachable_from = 10**9
        self._answers = answers
        self.peer = Peer(self, DEVICE, self.unasked.append, lambda payload: payload.startswith(b"push"))
        self._time = 1_000

    def send(self, payload: bytes, to: Sender) -> None:
        if len(self.asked) >= self.unreachable_from:
            raise DeviceError("the network is down")
        self.asked.append(payload.decode())
        found = self._answers(payload.decode())
        asyncio.get_running_loop().call_soon(lambda: [self.say(one) for one in found])

    def say(self, payload: bytes) -> None:
        self._time += 1
        self.peer.came(payload, self._time)

    def drain(self) -> None: ...

    def leave(self, peer: Peer) -> None: ...

    @property
    def kept(self) -> list[bytes]:
        return [heard.payload for heard in self.unasked]
