"""A value found once for each object, while another object's is still being looked for."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from labmon_dagster.model.lazily import lazily


@dataclass(frozen=True)
class Server:
    """One that answers when ``answering`` is set."""

    answering: threading.Event
    asked: list[int]

    @lazily
    def name(self) -> str:
        """What it is called."""
        self.asked.append(1)
        self.answering.wait()
        return f"server {len(self.asked)}"


def test_one_that_hangs_holds_up_no_other() -> None:
    hanging, well = (Server(threading.Event(), []) for _ in range(2))
    well.answering.set()
    thread = threading.Thread(target=lambda: hanging.name, daemon=True)
    thread.start()
    other = threading.Thread(target=lambda: well.name, daemon=True)
    other.start()
    other.join(10)
    assert not other.is_alive() and well.__dict__["name"] == "server 1"
    hanging.answering.set()
    thread.join(10)
    assert (hanging.name, well.name, len(hanging.asked), len(well.asked)) == ("server 1", "server 1", 1, 1)


def test_it_is_told_of_and_can_be_forgotten() -> None:
    one = Server(threading.Event(), [])
    one.answering.set()
    assert Server.name.__doc__ == "What it is called."
    assert (one.name, one.name) == ("server 1", "server 1")
    del one.__dict__["name"]
    assert one.name == "server 2"
