"""Looking up hosts: a name server that says nothing for some names disturbs nobody else, nor the end."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from labmon_dagster.collector.names import Names

MANY = 40  # more than the threads that asyncio has for this


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The look-ups that the system was asked for; names that end in .hangs are not found for 5 s."""
    seen: list[str] = []
    end = threading.Event()

    def look_up(host: str, port: Any, *question: Any) -> list[tuple[Any, ...]]:
        seen.append(host)
        if host.endswith(".hangs"):
            end.wait(5)
        if host.endswith(".lab"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield seen
    end.set()


async def _impatient(host: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.get_running_loop().getaddrinfo(host, 1)


def test_names_that_hang_hold_up_no_other(asked: list[str]) -> None:
    async def run() -> list[tuple[Any, ...]]:
        Names().serve()
        for _ in range(3):
            await asyncio.gather(*(_impatient(f"{number}.hangs") for number in range(MANY)))
        return await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("scale.lab", 80), 1)

    began = time.monotonic()
    assert asyncio.run(run())[0][4] == ("127.0.0.1", 80)
    assert time.monotonic() - began < 3  # it does not wait for them at the end
    assert len(asked) == MANY + 1  # a name that hangs is asked for once at a time


def test_a_name_that_is_not_found_is_an_error_each_time(asked: list[str]) -> None:
    async def run() -> None:
        Names().serve()
        for _ in range(2):
            with pytest.raises(socket.gaierror, match="not known"):
                await asyncio.get_running_loop().getaddrinfo("nowhere", 1)

    asyncio.run(run())
    assert asked == ["nowhere", "nowhere"]
