"""The journal: data that come only once, kept raw in dated files before anyone interprets them.

A message is on disk before its sender is told so; from then on it can be read again, for ever, by
day and byte offset. README.md in this folder describes the files.
"""

from labmon_dagster.journal.closing import close_days
from labmon_dagster.journal.journal import Journal
from labmon_dagster.journal.line import Damage, Entry, FileError, FormatError, Message, Meta
from labmon_dagster.journal.places import sources
from labmon_dagster.journal.pruning import Pruned, prune
from labmon_dagster.journal.quick import QuickWriter, Written
from labmon_dagster.journal.writer import GroupWriter, Refusing

__all__ = [
    "Damage",
    "Entry",
    "FileError",
    "FormatError",
    "GroupWriter",
    "Journal",
    "Message",
    "Meta",
    "Pruned",
    "QuickWriter",
    "Refusing",
    "Written",
    "close_days",
    "prune",
    "sources",
]
