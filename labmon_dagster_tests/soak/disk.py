"""A disk that fills below the whole collector: it warns, then refuses, asks nobody meanwhile, and goes on.

`python -m labmon_dagster_tests.soak.disk --out FILE` asks emulated devices every second and pushes 200
datagrams a second, while something else fills the disk: first up to the reserve, then to the last byte. Each
time it is made free again. It tells what `labmon status` said when, and compares what was sent with what
stands in the journals. The disk is a tmpfs in a mount namespace of its own (needs root, or `unshare -rm`),
and goes with the process. Exit code 1: a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from labmon_dagster.running.place import free_udp_port
from labmon_dagster_tests.soak import plain as plain
from labmon_dagster_tests.soak import run as running
from labmon_dagster_tests.soak import served as served
from labmon_dagster_tests.soak.collector import Asked
from labmon_dagster_tests.soak.run import Process, Seen
from labmon_dagster_tests.system.journal_disk import namespace

MIB = 2**20
DISK, WARNED, REFUSED = (
    1280 * MIB,
    600 * MIB,
    200 * MIB,
)  # the reserve is 256 MiB, the warning four times that
POLLED = ("mmr3", "cmcpa", "cpx200", "mp710508", "cryo", "json-scale")
ASSET, PUSHER, RATE = "soak/lab", "pusher", 200
HOLD = 20.0
_SETTLED = 2.0  # s: the disk is looked at once a second, so is the health written; a poll takes less than 1 s
_REASONS = ("are kept in reserve", "No space left on device")
_LAST = 2  # questions by which a round that was under way finds out that it hears nothing
_MOUNT = f'mount -t tmpfs -o size={DISK} tmpfs "$0" && exec "$@"'


class Ballast:
    """Something else that fills the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "ballast"

    @property
    def free(self) -> int:
        """Bytes that are free on the disk."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def leave(self, free: int) -> None:
        """Fill the disk up to so many bytes; 0: to the last one."""
        with self._file.open("ab", buffering=0) as file:
            self._at_once(file.fileno(), self.free - free)
            with suppress(OSError):
                while (over := self.free - free) > 0:
                    file.write(bytes(min(over, MIB)))

    def _at_once(self, fd: int, size: int) -> None:
        """Take room in one go, so that the disk is full before anybody has looked at it."""
        with suppress(OSError):
            os.posix_fallocate(fd, os.fstat(fd).st_size, size)

    def remove(self) -> None:
        """Make the disk free again."""
        self._file.unlink()


@dataclass
class Soak:
    """The processes, the disk, and what was seen of them."""

    home: Path
    seen: Seen
    hold: float
    fills: Sequence[int]
    timeline: list[dict[str, Any]] = field(default_factory=list)
    closed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ballast = Ballast(self.home)
        self._began = time.monotonic()

    def run(self) -> None:
        """Do it all."""
        notes = self.home / "sent.json"
        settings = msgspec.json.encode(served.Settings(list(POLLED), self.seen.seed, str(notes))).decode()
        with ExitStack() as stack:
            emulators = stack.enter_context(Process("served", [settings], self.home / "logs" / "good.log"))
            asked, ours, theirs = self._stations(json.loads(emulators.told))
            collector = running.collector(self.home, asked, stack)
            arguments = [str(theirs), str(ours), str(RATE), "0"]
            pusher = stack.enter_context(Process("pushing", arguments, self.home / "logs" / "pushing.log"))
            time.sleep(_SETTLED)
            self._events()
            pusher.stop()
            sent = json.loads(pusher.line())["sent"]
            time.sleep(_SETTLED)
            port = running.health(self.home)["ports"][0]
            code, _ = collector.stop()
            emulators.stop()
        self.seen.expect(not code, f"the collector ended with {code}")
        self._judge(notes, sent, port)

    def _stations(self, ports: list[int]) -> tuple[list[Asked], int, int]:
        ours, theirs = free_udp_port(), free_udp_port()
        address = f"udp://127.0.0.1:{theirs}"
        pushing = Asked(ASSET, PUSHER, "MMR3", address, None, options={"local_port": ours})
        asked = [running.station(ASSET, name, name, port) for name, port in zip(POLLED, ports, strict=True)]
        return [*asked, pushing], ours, theirs

    def _events(self) -> None:
        """Fill the disk, and make it free again."""
        status = self._note("begin")
        self.seen.expect("MiB are free" not in status, "it warns of a disk that has room")
        self.ballast.leave(WARNED)
        running.until(lambda: all(self._told("warning")), "a warning")
        status = self._note("it warns")
        self.seen.expect("nothing more is taken" in status, f"labmon status does not warn: {status[-500:]}")
        self.seen.expect(not any(self._told("refusing")), "it refuses where it should warn")
        for free in self.fills:
            self._filled(free, "the reserve is touched" if free else "the disk is full")

    def _filled(self, free: int, what: str) -> None:
        """Fill the disk, look at what is said and done, and make it free."""
        self.ballast.leave(free)
        running.until(lambda: all(self._told("refusing")), f"{what}: it refuses")
        began, before = time.time_ns(), running.health(self.home)["ports"]
        time.sleep(self.hold)
        status = self._note(what)
        self.seen.expect(
            any(one in status for one in _REASONS), f"{what}: labmon status does not say why: {status[:2000]}"
        )
        self.seen.expect("gone" not in status, f"{what}: labmon status says that the collector is gone")
        after = running.health(self.home)["ports"]
        self.seen.expect(
            after[0]["received"] - before[0]["received"] <= RATE, f"{what}: datagrams were taken"
        )
        self.closed.append((began + int(_SETTLED * 1e9), time.time_ns()))
        self.ballast.remove()
        took = running.until(lambda: not any(self._told("refusing")), f"{what}: it goes on")
        self.timeline.append({"what": f"goes on, {what} no more", "after_s": round(took, 2)})
        time.sleep(_SETTLED)
        status = self._note("room again")
        self.seen.expect("reserve" not in status and "No space" not in status, f"{what}: said for ever")

    def _told(self, what: str) -> list[str | None]:
        return [one[what] for one in running.health(self.home)["journals"]]

    def _note(self, what: str) -> str:
        """Note what is said now."""
        status = running.said_by_status(self.home)
        told = running.health(self.home)
        counted = ("polls", "answers", "unasked", "journalled", "refused", "missed")
        self.timeline.append(
            {
                "what": what,
                "at_s": round(time.monotonic() - self._began, 1),
                "free_mib": round(self.ballast.free / MIB, 1),
                "health_age_s": round((time.time_ns() - told["written"]) / 1e9, 1),
                "counts": {name: sum(one[name] for one in told["devices"]) for name in counted},
                "ports": [(one["received"], one["dropped"]) for one in told["ports"]],
                "status": [
                    line.strip() for line in status.splitlines() if "collector" in line or "journal " in line
                ],
            }
        )
        return status

    def _judge(self, notes: Path, sent: int, port: dict[str, int]) -> None:
        kept = plain.journals(self.home / "journal")
        told = {one["device"]: one for one in running.health(self.home)["devices"]}
        self.seen.figures = {"timeline": self.timeline, "torn": kept.torn}
        self.seen.expect(not kept.torn, f"torn lines: {kept.torn[:3]}")
        for name, one in zip(POLLED, served.noted(notes), strict=True):
            lines = kept.devices[name]
            there = [serial for line in lines for serial in plain.serials(name, line.payload)]
            tally = plain.Tally.of(one.serials, there)
            self._device(name, tally, told[name], len(lines))
            for begin, end in self.closed:
                asked = sum(begin < at < end for at in one.times)
                self.seen.expect(asked <= _LAST, f"{name}: {asked} times asked while nothing was taken")
        lines = kept.devices[PUSHER]
        numbers = [plain.pushed(line.payload) for line in lines]
        tally = plain.Tally.of(range(1, sent + 1), [one for one in numbers if one is not None])
        self._device(PUSHER, tally, told[PUSHER], len(lines))
        self.seen.figures["port"] = port
        self.seen.expect(sent == port["received"] and not port["dropped"], f"{sent} sent, {port}")

    def _device(self, name: str, tally: plain.Tally, told: dict[str, Any], lines: int) -> None:
        """Every message that was accepted stands there once, and what was not is counted."""
        kept = {key: told[key] for key in ("polls", "answers", "unasked", "journalled", "refused", "missed")}
        self.seen.figures[name] = {**asdict(tally), "lines": lines, **kept}
        self.seen.expect(told["journalled"] == lines, f"{name}: {lines} lines, {told['journalled']} counted")
        self.seen.expect(not tally.twice and not tally.unknown, f"{name}: {tally}")
        self.seen.expect(not tally.lost, f"{name}: {tally}, {kept}")


def soak(home: Path, hold: float, fills: Sequence[int], seed: int) -> Seen:
    """Do it on the disk that ``home`` is. ``fills``: bytes that are left free each time."""
    seen = Seen("a disk that fills", seed, {"hold_s": hold, "pushes_a_second": RATE, "disk_mib": DISK // MIB})
    Soak(home, seen, hold, fills).run()
    return seen.end()


def inside(arguments: Sequence[str]) -> int:
    """Do it in a process that has a small disk; give its exit code. Raises RuntimeError without one."""
    command = namespace()
    if command is None:
        raise RuntimeError("no tmpfs can be mounted here, neither as root nor in a user namespace")
    program = [sys.executable, "-m", "labmon_dagster_tests.soak.disk", *arguments, "--inside"]
    with tempfile.TemporaryDirectory(prefix="labmon-soak-") as folder:
        done = subprocess.run([*command, "sh", "-c", _MOUNT, folder, *program, folder], check=False)
    return int(done.returncode)


def main() -> int:
    """Run it, write what it saw, and say by the exit code whether every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=float, default=HOLD, help="s for which the disk stays full")
    parser.add_argument("--once", action="store_true", help="fill it to the last byte only")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = running.asked_for(parser)
    if asked.inside is None:
        return inside(sys.argv[1:])
    fills = [0] if asked.once else [REFUSED, 0]
    return running.told(soak(asked.inside, asked.hold, fills, asked.seed), asked.out)


if __name__ == "__main__":
    sys.exit(main())
