"""What a worker notes of its calls: an intent before each, an outcome after it, each on the disk at once."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]
DONE, REFUSED = "done", "refused"


@dataclass(slots=True)
class Call:
    """A call as noted: ``began`` and ``ended`` are ns of the machine's clock since it runs.

    ``outcome`` is None where the worker was killed before it had noted one.
    """

    id: str
    op: str
    kind: str
    record: str
    given: dict[str, Any]
    began: int
    ended: int | None = None
    outcome: str | None = None
    why: str = ""

    @property
    def may_be_done(self) -> bool:
        """Whether it was acknowledged, or nobody knows."""
        return self.outcome != REFUSED


class Notes:
    """The notes of one worker, continued after it was killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        whole = path.read_bytes().rpartition(b"\n")
        os.ftruncate(self._file, len(whole[0] + whole[1]))  # the rest is a line that was not finished
        os.lseek(self._file, 0, os.SEEK_END)
        self.intents = whole[0].count(b'{"intent"')

    def intent(self, number: str, op: str, kind: str, record: str, given: dict[str, Any]) -> None:
        """Note what is asked now."""
        self._write({"intent": number, "op": op, "kind": kind, "record": record, "given": given})
        os.write(self._file, _asking(os.getpid()))  # for who wants to kill inside a call

    def outcome(self, number: str, what: str, why: str = "") -> None:
        """Note what came of it."""
        self._write({"outcome": number, "what": what, "why": why})

    def _write(self, line: Line) -> None:
        os.write(self._file, (json.dumps({**line, "at": time.monotonic_ns()}) + "\n").encode())
        os.fsync(self._file)


def calls(path: Path) -> dict[str, Call]:
    """Read the calls of one worker, by their ids, in their order."""
    found: dict[str, Call] = {}
    for raw in path.read_bytes().split(b"\n")[:-1]:
        line = json.loads(raw)
        if "intent" in line:
            rest = (line[name] for name in ("op", "kind", "record", "given", "at"))
            found[line["intent"]] = Call(line["intent"], *rest)
        elif "outcome" in line:
            one = found[line["outcome"]]
            one.ended, one.outcome, one.why = line["at"], line["what"], line["why"]
    return found


def in_a_call(path: Path, process: int) -> bool:
    """Whether a worker, by its process, is inside a call."""
    return path.exists() and path.read_bytes().endswith(_asking(process))


def _asking(process: int) -> bytes:
    return b'{"asking": %d}\n' % process
