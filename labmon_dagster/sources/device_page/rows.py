"""The rows of a page: of its tables, of its definition lists, and its lines as rows of one cell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from labmon_dagster.sources.device_page.shown import has_end, is_shown, sign_before, sign_behind

_DEEPEST = 100  # tables within each other
_BREAKS = set("p div br li ul ol hr form body pre h1 h2 h3 h4 h5 h6".split())  # noqa: SIM905
_SHOWN_INPUTS = {"", "text", "number"}
_PARENTS = {"tr": "table", "td": "table", "th": "table", "dt": "dl", "dd": "dl"}


@dataclass(frozen=True, slots=True)
class Row:
    """The texts of a row's cells, blanks made one, signs of `shown` in them.

    ``headings``: those of its table, where it has any.
    """

    cells: tuple[str, ...]
    headings: tuple[str, ...] = ()


def rows(page: str) -> list[Row]:
    """Find the rows of a page, its own lines last; a row with another table inside is taken as lines.

    Raises ValueError if the page ends within a table, a list, a script or a hidden element, if tables are
    nested too deeply, or if it cannot be parsed as HTML.
    """
    reader = _Reader()
    tags, sign, tail = page.rpartition(">")
    try:
        # html.parser takes quadratic time for tags that never end.
        reader.feed(tags + sign + tail.replace("<", "&lt;"))
        reader.close()
    except AssertionError as error:  # html.parser's word for a declaration it does not know
        raise ValueError(f"no HTML: {error}") from error
    return reader.finish()


@dataclass
class _Cell:
    heading: bool = False
    text: list[str] = field(default_factory=list)


@dataclass
class _Frame:
    """A table, a list, or the page itself, which is one cell; ``inside``: in a cell just now."""

    tag: str
    cells: list[_Cell] = field(default_factory=list)
    inside: bool = False
    nested: bool = False
    headings: tuple[str, ...] = ()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[Row] = []
        self._frames = [_Frame("", [_Cell()], inside=True)]
        self._unseen: list[str] = []
        self._as_written = 0

    def finish(self) -> list[Row]:
        """Give what was found, now that the page is at its end."""
        if len(self._frames) > 1 or self._unseen:
            raise ValueError(
                "the page ends within a table, a list, a script or a hidden element: it is cut short"
            )
        self._end_row(self._frames[0])
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.append(tag)
        elif not is_shown(tag, told):
            if has_end(tag):
                self._unseen.append(tag)
        else:
            self._write(sign_before(tag, told))
            self._start(tag, told)

    def _start(self, tag: str, told: dict[str, str | None]) -> None:
        if tag == "input":
            if (told.get("type") or "").lower() in _SHOWN_INPUTS:
                self._write(f" {told.get('value') or ''} ")
        elif tag in {"table", "dl"}:
            self._begin(tag)
        elif tag in _PARENTS:
            self._begin_cell(tag)
        elif tag in _BREAKS:
            self._as_written += tag == "pre"
            self._write("\n")
        elif tag == "img":
            self._write(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[-1]:
                self._unseen.pop()
        elif tag in {"table", "dl"}:
            self._end(tag)
        elif tag in _PARENTS:
            self._end_cell(tag)
        elif tag in _BREAKS:
            self._as_written = max(0, self._as_written - (tag == "pre"))
            self._write("\n")
        else:
            self._write(sign_behind(tag))

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._write(data if self._as_written else re.sub(r"\s", " ", data))

    def _write(self, text: str) -> None:
        frame = self._frames[-1]
        if frame.inside:
            frame.cells[-1].text.append(text)

    def _begin(self, tag: str) -> None:
        self._write("\n")
        self._frames[-1].nested = True
        if len(self._frames) > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} tables or lists within each other")
        self._frames.append(_Frame(tag))

    def _begin_cell(self, tag: str) -> None:
        frame = self._frames[-1]
        if frame.tag != _PARENTS[tag]:
            return
        if tag in {"tr", "dt"}:
            self._end_row(frame)
        if tag != "tr":
            frame.cells.append(_Cell(heading=tag == "th"))
            frame.inside = True

    def _end_cell(self, tag: str) -> None:
        frame = self._frames[-1]
        if frame.tag == _PARENTS[tag]:
            frame.inside = False
            if tag == "tr":
                self._end_row(frame)

    def _end(self, tag: str) -> None:
        if tag not in [frame.tag for frame in self._frames]:
            return
        while True:
            frame = self._frames.pop()
            self._end_row(frame)
            if frame.tag == tag:
                return

    def _end_row(self, frame: _Frame) -> None:
        cells, frame.cells, frame.inside = frame.cells, [], False
        texts = tuple(_plain("".join(cell.text)) for cell in cells)
        if len(cells) == 1 or frame.nested:
            lines = "\n".join("".join(cell.text) for cell in cells).split("\n")
            self._found += [Row((_plain(line),)) for line in lines if _plain(line)]
        elif cells and all(cell.heading for cell in cells):
            frame.headings = texts
        elif any(texts):
            self._found.append(Row(texts, frame.headings))
        frame.nested = False


def _plain(text: str) -> str:
    return " ".join(text.split())
