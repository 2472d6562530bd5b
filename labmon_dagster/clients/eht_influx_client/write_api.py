"""The official client's write_api over the station log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from influxdb_client.client.write.point import DEFAULT_WRITE_PRECISION
from influxdb_client.client.write_api import ASYNCHRONOUS, PointSettings, WriteOptions, WriteType

from labmon_dagster.clients.eht_influx_client.body import Body
from labmon_dagster.clients.eht_influx_client.options import Options
from labmon_dagster.clients.eht_influx_client.receipt import Receipt
from labmon_dagster.clients.eht_influx_client.records import add_record
from labmon_dagster.clients.eht_influx_client.reporting import LOG

if TYPE_CHECKING:
    from types import TracebackType

    from labmon_dagster.clients.eht_influx_client.client import EHTInfluxDBClient


class NotDeliveredError(TimeoutError):
    """A synchronous write has not reached every server yet. It is safe in the log and will be delivered."""


class WriteApi:
    """Writes records into the station log; who delivers it is in the configuration.

    ASYNCHRONOUS (and batching, which the log makes needless) returns as soon as the log has the points,
    SYNCHRONOUS when every server has them. Tags of ``point_settings`` are those of points that have no tag of
    that name. Threads may share it, and so may processes: forked ones, or those that get it pickled.
    """

    def __init__(
        self,
        client: EHTInfluxDBClient,
        write_options: WriteOptions = ASYNCHRONOUS,
        point_settings: PointSettings | None = None,
    ) -> None:
        self._client = client
        self._options = write_options
        self._synchronous = write_options.write_type is WriteType.synchronous
        self._tags: Mapping[str, str] = dict(point_settings.defaultTags) if point_settings else {}
        if self._synchronous and client.settings.deliver != "client":
            raise ValueError("SYNCHRONOUS cannot wait for a delivery by Dagster; set deliver = client")

    def write(
        self,
        bucket: str | None = None,
        org: str | None = None,
        record: Any = None,
        write_precision: str = DEFAULT_WRITE_PRECISION,
        **kwargs: Any,
    ) -> Receipt:
        """Write a record, or an iterable of records: all of its points, or none of them.

        ``record``: a DataFrame, a Point, a dict, a NamedTuple, a dataclass, or line protocol. ``bucket`` and
        ``org`` can be left out: every server has its own in the configuration. ``write_precision`` is the
        unit of times that are whole numbers. The keywords are the official client's (``data_frame_…``,
        ``record_…``). Points without a time get that of the call; those without any value are left out,
        counted, and told in the log.

        Raises ValueError or TypeError for what cannot be kept exactly, OSError where the log's disk refuses;
        then nothing was written. Raises NotDeliveredError with SYNCHRONOUS, when time is up.
        """
        settings = self._client.settings
        _check("bucket", bucket, {server.bucket for server in settings.servers.values()})
        _check("org", getattr(org, "name", org), {server.org for server in settings.servers.values()})
        if record is None:
            raise TypeError("write() lacks its record; write(record=…)")
        body = Body(time.time_ns())
        add_record(body, record, Options.of(write_precision, self._tags, kwargs))
        if body.skipped:
            LOG.warning("%d points had no value and were not written", body.skipped)
        receipt = Receipt(self._client.keep(body.data()), body.rows, body.skipped)
        if self._synchronous and body.rows:
            self._wait(receipt)
        return receipt

    def _wait(self, receipt: Receipt) -> None:
        timeout = self._client.settings.timeout
        receipt.get()
        try:
            done = self._client.delivered(timeout)
        except RuntimeError as error:
            raise NotDeliveredError(f"the points are safe in the station log, but {error}") from error
        if not done:
            states = self._client.states().items()
            trouble = "; ".join(f"{name}: {state.error}" for name, state in states if state.error)
            raise NotDeliveredError(
                f"not every server has taken the points within {timeout:g} s ({trouble or 'no error yet'}); "
                "they are safe in the station log and will be delivered"
            )

    def flush(self) -> None:
        """Wait until the disk has all that was written. Raises OSError where it has failed."""
        self._client.sync()

    def close(self) -> None:
        """Do as `flush` does. The client goes on to deliver until it is closed."""
        self.flush()

    def __enter__(self) -> WriteApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check(what: str, given: str | None, there: set[str]) -> None:
    """Raise ValueError where a call names another bucket or organization than the configuration."""
    if given is not None and there != {given}:
        named = ", ".join(map(repr, sorted(there))) or "none"
        raise ValueError(
            f"{what}={given!r} is not what the configuration names ({named}): every server has its {what} "
            f"there; leave {what} out"
        )
