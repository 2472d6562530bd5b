"""A journal on a disk that fills while messages keep coming, slowly and at once, and is made free again.

`python -m labmon_dagster_tests.system.journal_disk --out FILE` writes what it saw and how it judges that as
JSON. The disk is a tmpfs of 48 MiB in a mount namespace of its own (needs root, or `unshare -rm`), and goes
with the process. Exit code 1: something was not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from labmon_dagster.journal import Damage, Entry, GroupWriter, Journal, Refusing
from labmon_dagster.journal.space import free_bytes

MIB = 2**20
DISK, RESERVE = 48 * MIB, 4 * MIB
RATE, PAYLOAD = 2000, 200
SHORT, LONG = 1, 5
_NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
_MOUNT = f'mount -t tmpfs -o size={DISK} tmpfs "$0" && exec "$@"'


@dataclass(slots=True)
class Round:
    """One filling. Free bytes when it warned and refused; how many waited in memory and for how long (s)."""

    how: str
    free_at_warning: int | None = None
    free_at_refusal: int | None = None
    warning: str = ""
    reason: str = ""
    waiting: int = 0
    full_for: float = 0.0
    recovered_after: float = 0.0


@dataclass(slots=True)
class Seen:
    """What happened, in messages; ``wrong``: what should not have."""

    rounds: list[Round] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    acknowledged: int = 0
    in_journal: int = 0
    twice: int = 0
    lost: int = 0
    altered: int = 0
    damaged_lines: int = 0
    failed_futures: int = 0
    out_of_order: int = 0
    wrong: list[str] = field(default_factory=list)


class Sender:
    """Sends numbered messages at a steady rate until it is stopped; what is refused is not sent again."""

    def __init__(self, writer: GroupWriter) -> None:
        self.writer = writer
        self.accepted: list[int] = []
        self.acknowledged: list[int] = []
        self.failed = self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number, begun = 0, time.monotonic()
        while not self._stop.wait(0.005):
            while number < (time.monotonic() - begun) * RATE:
                number += 1
                self._send(number)

    def _send(self, number: int) -> None:
        try:
            future = self.writer.submit(payload(number), {"n": number})
        except Refusing:
            self.refused += 1
            return
        self.accepted.append(number)
        future.add_done_callback(lambda done: self._done(number, done))

    def _done(self, number: int, done: Future[Entry]) -> None:
        if done.exception():
            self.failed += 1
        else:
            self.acknowledged.append(number)

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()
        self._thread.join()


def payload(number: int) -> bytes:
    """The message of a number."""
    return b"%d " % number + b"." * (PAYLOAD - len(str(number)) - 1)


def until(true: Callable[[], object], within: float = 20) -> float:
    """Wait, and give how long (s). Raises TimeoutError."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > within:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.01)
    return time.monotonic() - begun


def slowly(folder: Path, writer: GroupWriter) -> Round:
    """Fill the disk by something else until the journal takes nothing more; then make it free."""
    seen, ballast = Round("slowly"), folder / "ballast"
    while not writer.refusing:
        with ballast.open("ab") as file:
            file.write(bytes(MIB // 4))
        time.sleep(0.1 if writer.warning else 0.03)  # the disk is looked at once a second
        if writer.warning and seen.free_at_warning is None:
            seen.free_at_warning, seen.warning = free_bytes(folder), writer.warning
    seen.free_at_refusal, seen.reason = free_bytes(folder), writer.refusing or ""
    ballast.unlink()
    seen.recovered_after = until(lambda: not writer.refusing)
    return seen


def at_once(folder: Path, writer: GroupWriter, seconds: float) -> Round:
    """Fill the disk to the last byte between two looks at it; then make it free."""
    seen, ballast = Round("at once"), folder / "ballast"
    until(lambda: not writer.warning)
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(MIB)) == MIB:
                pass
        except OSError:
            pass
    seen.free_at_refusal = free_bytes(folder)
    until(lambda: writer.refusing and "No space left" in writer.refusing)
    seen.reason, seen.full_for = writer.refusing or "", seconds
    time.sleep(seconds)
    seen.waiting = writer.waiting
    flushed = writer.flushed
    ballast.unlink()
    seen.recovered_after = until(lambda: writer.flushed >= flushed + seen.waiting)
    until(lambda: not writer.refusing)
    return seen


def drill(folder: Path, rounds: int) -> Seen:
    """Do it on the disk that ``folder`` is, and judge."""
    seen, journal = Seen(), Journal(folder / "journal", "drill")
    writer = GroupWriter(journal, reserve_bytes=RESERVE)
    sender = Sender(writer)
    try:
        for _ in range(rounds):
            seen.rounds += [slowly(folder, writer), at_once(folder, writer, 2.5)]
            time.sleep(0.5)
    finally:
        sender.stop()
        if not writer.close(20):
            seen.wrong.append("close did not write everything")
    seen.accepted, seen.refused = len(sender.accepted), sender.refused
    seen.acknowledged, seen.failed_futures = len(sender.acknowledged), sender.failed
    _compare(seen, journal, sender)
    _judge(seen)
    return seen


def _compare(seen: Seen, journal: Journal, sender: Sender) -> None:
    damaged: list[Damage] = []
    entries = [entry for day in journal.days() for entry in journal.read(day, damaged=damaged.append)]
    there = [int(str(entry.meta["n"])) for entry in entries]
    counted = Counter(there)
    seen.in_journal, seen.damaged_lines = len(there), len(damaged)
    seen.twice = sum(number > 1 for number in counted.values())
    seen.lost = len(set(sender.accepted) - set(there))
    seen.altered = sum(one.payload != payload(n) for one, n in zip(entries, there, strict=True))
    seen.out_of_order = sum(a > b for a, b in pairwise(there))


def _judge(seen: Seen) -> None:
    for name in ("twice", "lost", "altered", "damaged_lines", "failed_futures", "out_of_order"):
        if number := getattr(seen, name):
            seen.wrong.append(f"{number} {name}")
    if not seen.accepted == seen.acknowledged == seen.in_journal:
        seen.wrong.append("accepted, acknowledged and kept are not the same number")
    if not seen.refused:
        seen.wrong.append("nothing was refused: the disk was never full")
    for one in seen.rounds:
        if one.how == "slowly" and (one.free_at_warning or 0) <= (one.free_at_refusal or 0):
            seen.wrong.append("it did not warn before it refused")
        if one.how == "slowly" and not one.free_at_refusal:
            seen.wrong.append("it refused only when the disk was full")
        if one.how == "at once" and (one.free_at_refusal or not one.waiting):
            seen.wrong.append("the disk was not full, or nothing waited for it")
        if not one.reason:
            seen.wrong.append("it refused without a reason")


def namespace() -> list[str] | None:
    """Find how a process gets a disk of its own here; None: it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        for command in _NAMESPACES:
            try:
                subprocess.run(
                    [*command, "sh", "-c", _MOUNT, folder, "true"],
                    check=True,
                    capture_output=True,
                    timeout=20,
                )
            except (OSError, subprocess.SubprocessError):
                continue
            return command
    return None


def run(rounds: int) -> Seen:
    """Do the drill in a process that has a small disk. Raises RuntimeError where none can be had."""
    command = namespace()
    if command is None:
        raise RuntimeError("no tmpfs can be mounted here, neither as root nor in a user namespace")
    inside = [
        sys.executable,
        "-m",
        __spec__.name if __spec__ else __name__,
        "--rounds",
        str(rounds),
        "--inside",
    ]
    with tempfile.TemporaryDirectory() as folder:
        whole = [*command, "sh", "-c", _MOUNT, folder, *inside, folder]
        done = subprocess.run(whole, check=False, capture_output=True, text=True, timeout=120 + 60 * rounds)
    if done.returncode:
        raise RuntimeError(f"the drill broke off: {done.stderr[-2000:]}")
    told = json.loads(done.stdout)
    return Seen(rounds=[Round(**one) for one in told.pop("rounds")], **told)


def main() -> None:
    """Run the drill and write what it saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="where the JSON goes, instead of stdout")
    parser.add_argument("--rounds", type=int, default=LONG, help="how often the disk is filled, both ways")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        sys.stdout.write(json.dumps(asdict(drill(asked.inside, asked.rounds))))
        return
    seen = run(asked.rounds)
    text = json.dumps(asdict(seen), indent=1) + "\n"
    sys.stdout.write(text) if asked.out is None else asked.out.write_text(text)
    sys.exit(os.EX_OK if not seen.wrong else 1)


if __name__ == "__main__":
    main()
