"""The EHT's client: points go into the station log at once, and from there to every server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    from types import TracebackType

    from influxdb_client.client.influxdb_client import InfluxDBClient
    from influxdb_client.client.write_api import PointSettings, WriteOptions

    from labmon_dagster.clients.eht_influx_client.config import Settings
    from labmon_dagster.clients.eht_influx_client.write_api import WriteApi
    from labmon_dagster.journal import Written
    from labmon_dagster.station_log.route import State

OnError: TypeAlias = Callable[[str, Exception], None]


class EHTInfluxDBClient:
    """Writes to the station log and delivers it, unless the configuration says ``deliver = dagster``.

    Keywords are the keys of the configuration: ``url``, ``org``, ``bucket``, ``token``, ``url2`` …, or
    ``servers={NAME: {KEY: VALUE}}``, and those of the station (``asset``, ``log``, ``csvlogfile`` …).
    ``on_error(server, error)`` is called, in a thread, with what goes wrong after a write has returned.

    Nothing is opened before the first write. Threads may share a client; a child process that was forked, or
    got it pickled, goes on with it. Raises ValueError that names the key and what is allowed.
    """

    def __init__(self, *, on_error: OnError | None = None, **keywords: Any) -> None:
        from labmon_dagster.clients.eht_influx_client.reading import settings_of

        self._begin(settings_of(None, keywords), on_error)

    @classmethod
    def from_config_file(
        cls,
        config_file: str | Path = "influx_config.ini",
        *,
        on_error: OnError | None = None,
        **overrides: Any,
    ) -> Self:
        """Make a client from an ini file; keywords win over it.

        Raises ValueError that names file, section and key. `labmon eht print-config` writes such a file.
        """
        from labmon_dagster.clients.eht_influx_client.reading import settings_of

        return cls._of(settings_of(config_file, overrides), on_error)

    @classmethod
    def _of(cls, settings: Settings, on_error: OnError | None) -> Self:
        client = cls.__new__(cls)
        client._begin(settings, on_error)
        return client

    def _begin(self, settings: Settings, on_error: OnError | None) -> None:
        from labmon_dagster.clients.eht_influx_client.delivery import Delivery
        from labmon_dagster.clients.eht_influx_client.reporting import Errors
        from labmon_dagster.settings import journal_root
        from labmon_dagster.station_log.log import StationLog

        root = (settings.log or journal_root()).absolute()  # a child may have another folder, or LABMON_HOME
        self.settings = settings.model_copy(update={"log": root})
        self._on_error = on_error
        errors = Errors(settings, on_error)
        self._log = StationLog(
            settings.asset,
            root,
            csvlogfile=settings.csvlogfile,
            jsonlogfile=settings.jsonlogfile,
            on_error=errors.of_the_log,
        )
        self._official: InfluxDBClient | None = None
        self._delivery = Delivery(settings, self._log, errors)

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[Settings, OnError | None]]:
        return type(self)._of, (self.settings, self._on_error)

    def __repr__(self) -> str:
        servers = ", ".join(f"{name} {one.url}/{one.bucket}" for name, one in self.settings.servers.items())
        return f"<{type(self).__name__} {self.settings.asset} to {servers or 'Dagster'}>"

    def write_api(
        self,
        write_options: WriteOptions | None = None,
        point_settings: PointSettings | None = None,
    ) -> WriteApi:
        """Give what writes: ASYNCHRONOUS by default, whose write() never waits for a server.

        With SYNCHRONOUS it returns when every server has the points. Raises ValueError for that where Dagster
        delivers.
        """
        from influxdb_client.client.write_api import ASYNCHRONOUS

        from labmon_dagster.clients.eht_influx_client.write_api import WriteApi

        return WriteApi(self, write_options or ASYNCHRONOUS, point_settings)

    def keep(self, lines: bytes) -> Written | None:
        """Put lines into the log, each with its time in ns; None for no line. Raises OSError."""
        if not lines:
            return None
        written = self._log.write(lines)
        self._delivery.start()
        return written

    def sync(self) -> None:
        """Wait until the disk has all that was written. Raises OSError where it has failed."""
        self._log.sync()

    def delivered(self, timeout: float) -> bool:
        """Wait, for ``timeout`` s at most, until every server has all there is; gives whether it has.

        Raises RuntimeError in a forked child, which leaves the delivery to its parent.
        """
        return self._delivery.wait(timeout)

    def states(self) -> Mapping[str, State]:
        """Say for each server what it has, what waits for it, and what is wrong."""
        return self._delivery.states()

    def ping(self) -> bool:
        """Whether every server answers."""
        from labmon_dagster.clients.eht_influx_client.servers import answers

        return all(answers(server.target(0.0)) for server in self.settings.servers.values())

    def close(self) -> None:
        """End: the disk gets all that was written, and the servers what they take within ``timeout``.

        What a server has not taken by then stays in the log, and the next client of this log brings it there.
        """
        self._delivery.close(self.settings.timeout)
        self._log.close()
        if self._official:
            self._official.close()  # type: ignore[no-untyped-call]
            self._official = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        """Hand the official client's other APIs on to that of the first server."""
        if name.startswith("_") or not name.endswith("_api"):
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        from labmon_dagster.clients.eht_influx_client.servers import official

        self._official = self._official or official(self.settings)
        return getattr(self._official, name)
