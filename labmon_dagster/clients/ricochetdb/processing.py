"""Files of processing output, as programs of the original module load them into the database."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from labmon_dagster.clients.ricochetdb.database import Database
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.model import SourceError
from labmon_dagster.model.window import moment
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.processing import Heads, ProcessingRecords, Version, check
from labmon_dagster.sources.processing.folder import Folder, Found, check_pattern, digest_of
from labmon_dagster.sources.processing.reader import Output, read_output
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.mongo.collections import Collections
from labmon_dagster.stores.records import MongoRecords

_LOG = logging.getLogger(__name__)
_NO_LOCKS = frozenset({errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP})


class ProcessingRecord:
    """Data coming from a processing file.

    ``stream_id`` is the name of the stream, ``file_ts`` when the data were generated (UTC), ``records`` the
    data as a list of dicts. Raises RuntimeError, naming the file, for one that cannot be read or understood.
    """

    def __init__(self, file_name: str | Path) -> None:
        try:
            output = read_output(Path(file_name).read_bytes())
        except OSError as error:
            raise RuntimeError(f"{file_name}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise RuntimeError(f"{file_name}: {error}") from error
        self.stream_id: str = output.stream
        self.file_ts: datetime = moment(output.made)
        self.records: list[dict[str, Any]] = list(output.records)


class ProcessingDataLoader:
    """Loads processing files into the configured `Database`.

    Each record becomes a document in ``collection``; the newest version of each stream is named in the
    collection beside, ``<collection>_streams``. ``broken`` says of the files of the latest folder that could
    not be loaded why: they are logged and stay where they are.
    """

    collection = "processing"

    def __init__(self) -> None:
        self.broken: dict[str, str] = {}

    def parse_folder(self, folder_name: str | Path, regexp: str, delete_files: bool = True) -> None:
        """Load the files whose whole name the regular expression matches, those with older data first.

        A file is treated if its data are newer than those of its stream in the database, and deleted, if
        ``delete_files``, when all of them are on the database's disk. Of several programs that load a folder
        one waits for the other. Raises RuntimeError for a folder that cannot be listed, a pattern that is
        none, and a database that is away: what was loaded until then is safe.
        """
        try:
            folder = Folder(Path(folder_name), check_pattern(regexp))
            with _alone(folder.path.resolve(strict=True)):
                self._load(folder, delete_files)
        except (ValueError, SourceError, StoreError) as error:
            raise RuntimeError(str(error)) from error
        except OSError as error:
            raise RuntimeError(f"folder {folder_name}: {error.strerror}") from error

    def _load(self, folder: Folder, delete_files: bool) -> None:
        self.broken = {}
        server = Database.get_database().server
        heads = Heads(MongoRecords(server), self.collection)
        records = ProcessingRecords(Collections(server), heads, self.collection)
        names = [one.name for one in folder.look()]
        known = [(output.made, found.name) for found, _, output in self._read(folder, names)]
        for found, content, output in self._read(folder, [name for _, name in sorted(known)]):
            if self._delivered(folder, records, found, output) and delete_files:
                self._delete(folder, found, content)

    def _delivered(self, folder: Folder, records: ProcessingRecords, found: Found, output: Output) -> bool:
        """Bring a file into the database, where it is newer than what is there."""
        head = records.heads.newest(output.stream)
        if head is not None and output.made <= head.made:
            _LOG.info("%s: there are data as new of stream %s", folder.path / found.name, output.stream)
            return False
        version = Version(output.stream, output.made, len(output.records), found.name)
        try:
            records.deliver(version, output.records, time.time_ns())
        except RecordError as error:
            self._tell(folder, found.name, str(error))
            return False
        return True

    def _read(self, folder: Folder, names: list[str]) -> Iterator[tuple[Found, bytes, Output]]:
        """Give the files that can be loaded; tell of those that are broken and stand still."""
        for name in names:
            found: Found | None = None
            try:
                read = folder.read(name)
                if read is None:
                    continue
                found, content = read
                output = read_output(content)
                check(output.stream, output.made, output.records)
            except OSError as error:
                self._tell(folder, name, f"cannot be read: {error.strerror}")
                continue
            except ValueError as error:
                if found is None or found.settled(time.time_ns()):
                    self._tell(folder, name, str(error))
                continue
            yield found, content, output

    def _delete(self, folder: Folder, found: Found, content: bytes) -> None:
        try:
            folder.remove(found, digest_of(content))
        except OSError as error:
            self._tell(folder, found.name, f"is loaded, but cannot be deleted: {error.strerror}")

    def _tell(self, folder: Folder, name: str, why: str) -> None:
        self.broken[name] = why
        _LOG.error("%s: %s", folder.path / name, why)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other program loads the folder.

    Where it cannot be locked (network drives) two may load a file, which then is there once all the same.
    """
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(folder))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
