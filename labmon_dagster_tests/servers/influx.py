"""influxd 1.6 as the tests' InfluxDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import urllib3

from labmon_dagster_tests.servers import found
from labmon_dagster_tests.servers.certificate import write_certificate
from labmon_dagster_tests.servers.process import HOST, Server, free_port

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:0"

[meta]
  dir = "{folder}/meta"

[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  {snapshots}
  max-series-per-database = 0
  max-values-per-tag = 0

[monitor]
  store-enabled = false

[subscriber]
  enabled = false

[continuous_queries]
  enabled = false

[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {auth}
  https-enabled = {https}
  https-certificate = "{certificate}"
  https-private-key = "{key}"
"""


_NO_SNAPSHOTS = """cache-snapshot-memory-size = "800m"
  cache-snapshot-write-cold-duration = "24h"
"""


class InfluxError(RuntimeError):
    """What influxd says against a query."""


class Influxd(Server):
    """An InfluxDB 1 of the tests' own; `auth` is the name and password of its administrator."""

    def __init__(
        self,
        folder: Path,
        *,
        auth: tuple[str, str] | None = None,
        https: bool = False,
        snapshots: bool = True,
        file_limit: int | None = None,
    ) -> None:
        super().__init__(folder, file_limit=file_limit)
        self.auth = auth
        self.https = https
        self.snapshots = snapshots
        """Whether the cache becomes files while it runs: killed meanwhile, 1.6.7 may lose points."""
        self.ca: Path | None = write_certificate(folder)[0] if https else None
        """The authority to trust, with `https`."""
        self._binary = found.influxd()
        self._http = urllib3.PoolManager(ca_certs=str(self.ca) if self.ca else None, retries=False)

    @property
    def url(self) -> str:
        """Where it takes requests."""
        return f"{'https' if self.https else 'http'}://{HOST}:{self.port}"

    def command(self) -> list[str]:
        config = self.folder / "influxdb.conf"
        config.write_text(
            _CONFIG.format(
                folder=self.folder,
                port=self.port,
                auth=str(self.auth is not None).lower(),
                https=str(self.https).lower(),
                snapshots="" if self.snapshots else _NO_SNAPSHOTS,
                certificate=self.folder / "certificate.pem" if self.https else "",
                key=self.folder / "key.pem" if self.https else "",
            )
        )
        return [str(self._binary), "-config", str(config)]

    def ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/ping", timeout=2).status == 204
        except urllib3.exceptions.HTTPError:
            return False

    def first_started(self) -> None:
        if self.auth:
            name, password = self.auth
            self._post(f"""CREATE USER "{name}" WITH PASSWORD '{password}' WITH ALL PRIVILEGES""", {}, {})

    def start_after_kill(self) -> None:
        """Start it twice, the first time where nobody finds it.

        1.6.7 cuts the torn end off its log when it starts, but goes on writing behind where that end was:
        what it acknowledges after one start would be gone at the next.
        """
        port, self.port = self.port, free_port()
        self.start()
        self.stop()
        self.port = port
        self.start()

    def create_database(self, name: str) -> None:
        """Create a database; nothing happens when there is one."""
        self.query(f'CREATE DATABASE "{name}"')

    def query(self, text: str, **params: str) -> list[dict[str, Any]]:
        """Ask in InfluxQL; `params` are those of /query, as `db`.

        The rows of all series, each with the tags of its series and the columns; times are whole
        nanoseconds unless `epoch` says otherwise. An error raises.
        """
        headers = urllib3.make_headers(basic_auth=":".join(self.auth)) if self.auth else {}
        return [row for one in self._post(text, params, headers) for row in _rows(one)]

    def _post(self, text: str, params: dict[str, str], headers: dict[str, str]) -> list[dict[str, Any]]:
        fields = {"epoch": "ns", **params, "q": text}
        url = f"{self.url}/query"
        response = self._http.request(
            "POST", url, fields=fields, headers=headers, encode_multipart=False, timeout=60
        )
        answer = json.loads(response.data)
        results: list[dict[str, Any]] = answer.get("results", [])
        for one in (answer, *results):
            if "error" in one:
                raise InfluxError(f"{text}: {one['error']}")
        return results


def _rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
        for series in result.get("series", [])
        for values in series.get("values", [])
    ]
