"""A message that no line of a journal can hold, as one of 100 MiB: a file takes it, and the journal tells."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from labmon_dagster.collector.station import FORM, TROUBLE, legible
from labmon_dagster.journal import Entry, GroupWriter, Message, Meta
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
        if not (error := done.exception()):
            told.set_result(done.result())
            return
        if not isinstance(error, ValueError):
            told.set_exception(error)
            return
        try:
            entry = self._kept_otherwise(error)
        except Exception as refusal:  # who waits for it is to have it, and says it again
            told.set_exception(refusal)
        else:
            told.set_result(entry)

    def _kept_otherwise(self, error: ValueError) -> Entry:
        """Write the file and the entry; if it cannot be told of, no file stays: it comes again.

        This is the writer's own thread, which takes nothing while the message counts as waiting.
        """
        name = f"{FOLDER}/{self.heard.received}.raw"
        path = self.writer.journal.folder / name
        make_folder(path.parent)
        try:
            create(path, self.heard.payload)
            told = Message(self.heard.payload[:_SHOWN], self._told(name, error), self.heard.received)
            return self.writer.journal.append_many([told])[0]
        except Exception:
            path.unlink(missing_ok=True)
            raise

    def _told(self, name: str, error: ValueError) -> Meta:
        size = len(self.heard.payload)
        return {**self.meta, FORM: UNKEPT, TROUBLE: legible(str(error)), "file": name, "bytes": size}
