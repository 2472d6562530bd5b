"""Buckets (2.x, Cloud) through the official client: whether there is one, how long it keeps its data.

InfluxDB 2 answers SHOW RETENTION POLICIES with 0s whatever a bucket's retention is: it must be asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import urllib3
from influxdb_client.client.bucket_api import BucketsApi
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.rest import ApiException

from labmon_dagster.model import SECOND
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.errors import Refused, refused
from labmon_dagster.stores.influxdb.link import Link, Link2
from labmon_dagster.stores.influxdb.trying import tried

T = TypeVar("T")


class NoBucketsError(Exception):
    """The server knows no buckets, as InfluxDB 1.x and 3 Core."""


def kept_by(link: Link, name: str) -> int | None:
    """Give the retention of a bucket in ns, 0 for ever; None: there is no such bucket.

    Raises StoreError, or NoBucketsError where the question is not understood.
    """
    asked = {"name": name} | ({"org": link.target.org} if link.target.org else {})

    def look() -> int | None:
        try:
            found = _api(link).find_buckets(**asked).buckets or []  # type: ignore[no-untyped-call]
        except ApiException as error:
            if error.status == 404 and "bucket" in str(error.message):
                return None
            if error.status in {404, 405} and "organization" not in str(error.message):
                raise NoBucketsError from error
            raise
        rules = [bucket.retention_rules or [] for bucket in found if bucket.name == name]
        return next((sum(int(rule.every_seconds) for rule in few) * SECOND for few in rules), None)

    return _told(link, f"looking for bucket {name!r}", look)


def make(link: Link, name: str, kept: int) -> None:
    """Make a bucket that keeps its data for ``kept`` ns (0: for ever). Raises as `kept_by` does."""
    rules = [BucketRetentionRules(type="expire", every_seconds=kept // SECOND)]  # type: ignore[no-untyped-call]
    org = link.target.org or None

    def post() -> None:
        _api(link).create_bucket(bucket_name=name, retention_rules=rules, org=org)

    _told(link, f"making bucket {name!r}", post)


def _api(link: Link) -> BucketsApi:
    assert isinstance(link, Link2)
    return BucketsApi(link.client)  # type: ignore[no-untyped-call]


def _told(link: Link, what: str, work: Callable[[], T]) -> T:
    """Do ``work`` as `tried` does, whatever the client raises."""

    def asked() -> T:
        try:
            return work()
        except ApiException as error:
            if not error.status:
                raise urllib3.exceptions.SSLError(error.reason) from error
            raise refused(error.status, error.body or b"", error.headers or {}) from error

    try:
        return tried(link, what, asked)
    except (Refused, InfluxDBError) as error:
        raise StoreError(f"InfluxDB at {link.target.base}, {what}: {error}") from error
