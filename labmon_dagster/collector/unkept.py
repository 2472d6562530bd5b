"""A message that no line of a journal can hold, as one of 100 MiB: a file takes it, and the journal tells."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass

from labmon_dagster.collector.station import FORM, TROUBLE, legible
from labmon_dagster.journal import Entry, GroupWriter, Meta
from labmon_dagster.journal.disk import create, make_folder
from labmon_dagster.model.devices import Heard

UNKEPT = "unkept message"
FOLDER = "too_large"
_SHOWN = 64 * 2**10  # bytes of it in the journal


@dataclass(frozen=True, slots=True)
class Unkept:
    """What becomes of a message if ``writer`` can write it in no line.

    The raw message goes into ``too_large/`` beside the journal. An entry of the form ``unkept message`` has
    its first 64 KiB, and in its meta the name of the ``file``, the ``bytes`` of it and the ``trouble``.
    """

    writer: GroupWriter
    heard: Heard
    meta: Meta

    def instead(self, written: Future[Entry]) -> Future[Entry]:
        """Give the future of the message, or of the entry that tells of it: done when the disk has both."""
        told: Future[Entry] = Future()
        written.add_done_callback(lambda done: self._settle(done, told))
        return told

    def _settle(self, done: Future[Entry], told: Future[Entry]) -> None:
        error = done.exception()
        if not isinstance(error, ValueError):
            _pass_on(done, told)
            return
        try:
            name = self._set_aside()
            entry = self.writer.submit(self._beginning(), self._told(name, error), self.heard.received)
        except Exception as refusal:  # who waits for it is to have it, and says it again
            told.set_exception(refusal)
            return
        entry.add_done_callback(lambda one: _pass_on(one, told))

    def _beginning(self) -> bytes:
        return self.heard.payload[:_SHOWN]

    def _set_aside(self) -> str:
        folder = self.writer.journal.folder / FOLDER
        make_folder(folder)
        name = f"{self.heard.received}.raw"
        create(folder / name, self.heard.payload)
        return f"{FOLDER}/{name}"

    def _told(self, name: str, error: ValueError) -> Meta:
        size = len(self.heard.payload)
        return {**self.meta, FORM: UNKEPT, TROUBLE: legible(str(error)), "file": name, "bytes": size}


def _pass_on(done: Future[Entry], told: Future[Entry]) -> None:
    with suppress(InvalidStateError):
        if error := done.exception():
            told.set_exception(error)
        else:
            told.set_result(done.result())
