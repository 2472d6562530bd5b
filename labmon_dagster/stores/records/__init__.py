"""Stores of records: named documents that people and programs change, each change all or nothing."""

from labmon_dagster.stores.records.base import Change, Record, RecordStore
from labmon_dagster.stores.records.mongo import MongoRecords
from labmon_dagster.stores.records.sqlite import SqliteRecords

__all__ = ["Change", "MongoRecords", "Record", "RecordStore", "SqliteRecords"]
