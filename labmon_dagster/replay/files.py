"""A file of points, whatever its form: opened, looked at, and read portion by portion."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip, igzip_lib

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay import toa5
from labmon_dagster.sources.annotated_csv import reader as annotated_csv
from labmon_dagster.sources.jsonl import reader as jsonl
from labmon_dagster.sources.line_protocol import reader as line_protocol
from labmon_dagster.sources.line_protocol.parser import parse
from labmon_dagster.sources.loggernet.header import BOM, starts_header

STDIN = "-"
_GZIP = b"\x1f\x8b"
DAMAGED = (EOFError, gzip.BadGzipFile, cast("type[Exception]", igzip_lib.IsalError))
NOT_WHOLE = "the gzip file is damaged or not whole"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ANNOTATIONS = (b"#datatype", b"#group", b"#default", b"#constant", b"#timezone", b"#concat")
_LOOK = 1 << 16
_EVENT = re.compile(rb'\[\s*"[^"]*"\s*:|\[?\s*\{.*"(?:DetectorId|EventNumber)"\s*:', re.DOTALL)
_LINES = 50


class Form(StrEnum):
    """How points are written in a file."""

    CSV = "csv"
    JSONL = "jsonl"
    LINE = "line"
    TOA5 = "toa5"
    COSMIC = "cosmic"


@dataclass(frozen=True, slots=True)
class Ways:
    """How files are read.

    ``form``: None means by looking. ``precision``: the unit of time stamps in line protocol. ``zone`` and
    ``measurement``: of TOA5 tables; without the latter it is the table's name.
    """

    form: Form | None = None
    precision: str = "ns"
    zone: str = ""
    measurement: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file: its ``name`` without folder, its ``text``, and how many bytes it has (None: unknown)."""

    name: str
    text: io.BufferedReader
    raw: BinaryIO
    size: int | None

    @property
    def position(self) -> int:
        """Bytes of the file that were read."""
        return self.raw.tell() if self.size is not None else 0


@contextmanager
def opened(path: str) -> Iterator[Opened]:
    """Open a file, gzipped or not; ``-`` is the standard input. Raises OSError."""
    if path == STDIN:
        yield Opened("stdin", text_of(sys.stdin.buffer), sys.stdin.buffer, None)
        return
    with Path(path).open("rb") as raw:
        found = os.fstat(raw.fileno())
        yield Opened(
            Path(path).name, text_of(raw), raw, found.st_size if stat.S_ISREG(found.st_mode) else None
        )


def is_packed(beginning: bytes) -> bool:
    """Whether a file that begins so is gzipped."""
    return beginning.startswith(_GZIP)


def text_of(raw: BinaryIO) -> io.BufferedReader:
    """Give the text of a file, gzipped or not. Reading it raises one of `DAMAGED` where that is damaged."""
    text: io.BufferedReader = io.BufferedReader(cast(io.RawIOBase, raw), _LOOK)
    if is_packed(text.peek(2)[:2]):
        text = io.BufferedReader(igzip.IGzipFile(fileobj=text, mode="rb"), _LOOK)  # type: ignore[no-untyped-call]
    return text


def form_in(file: Opened, ways: Ways) -> Form:
    """Tell what a file is, and pass over a mark of byte order. Raises ValueError where nobody can tell."""
    try:
        beginning = file.text.peek(_LOOK)
    except DAMAGED as error:
        raise ValueError(f"{NOT_WHOLE}: {error}") from error
    if beginning.startswith(_UTF16):
        raise ValueError("this is UTF-16; convert it: iconv -f utf-16 -t utf-8")
    if beginning.startswith(BOM):
        file.text.read(len(BOM))
    return ways.form or form_of(beginning)


def points(file: Opened, ways: Ways) -> Iterator[Points | BadLine]:
    """Read a file of points. Raises ValueError where its form cannot be told, or it cannot be read at all."""
    form = form_in(file, ways)
    try:
        if form is Form.CSV:
            yield from annotated_csv.read(file.text)
        elif form is Form.JSONL:
            yield from jsonl.read(file.text)
        elif form is Form.LINE:
            yield from line_protocol.read(file.text, ways.precision)
        else:
            yield from toa5.read(file.text, file.name, ways.zone, ways.measurement)
    except DAMAGED as error:
        raise ValueError(f"{NOT_WHOLE}: {error}") from error


def form_of(beginning: bytes) -> Form:
    """Tell the form by the beginning of a file. Raises ValueError that says what is allowed."""
    text = beginning.removeprefix(BOM)
    lines = [line.strip() for line in text.split(b"\n") if line.strip()]
    if _is_dump(lines):
        return Form.COSMIC
    if not lines or starts_header(text):
        return Form.TOA5 if lines else Form.LINE
    if lines[0].startswith(b"{"):
        return Form.JSONL
    heads = takewhile(lambda line: line.startswith(b"#"), lines)
    if lines[0].startswith(b"sep=") or any(line.lower().startswith(_ANNOTATIONS) for line in heads):
        return Form.CSV
    first = next((line for line in lines if not line.startswith(b"#")), b"")
    parsed = parse(text[: text.rfind(b"\n") + 1] or text, ended=False)
    if not first or parsed.points or parsed.rest:
        return Form.LINE
    if b"|" in first and b"," in first:
        return Form.CSV
    raise ValueError(
        f"what form is this? It begins {first[:60].decode(errors='replace')!r}; "
        f"--format says which: {', '.join(Form)} (a CSV file needs a line `#datatype …` above its header)"
    )


def _is_dump(lines: list[bytes]) -> bool:
    """Whether events begin in one of the lines: ``["KEY":``, or an object with keys that only they have."""
    return any(
        _EVENT.match(b" ".join(lines[number : number + 3])) for number in range(min(len(lines), _LINES))
    )
