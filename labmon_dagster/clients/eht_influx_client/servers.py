"""What can be asked of a server itself: whether it answers, and the official client's other APIs."""

from __future__ import annotations

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient

from labmon_dagster.clients.eht_influx_client.config import Settings
from labmon_dagster.stores.influxdb import Target
from labmon_dagster.stores.influxdb.link import Link2

_SECONDS = 5.0


def answers(target: Target) -> bool:
    """Whether a server answers ``/ping`` as InfluxDB does."""
    pool = urllib3.PoolManager(
        retries=False, timeout=_SECONDS, ca_certs=target.ca or None, cert_reqs="CERT_REQUIRED"
    )
    with pool:
        try:
            return pool.request("GET", f"{target.base}/ping").status in {200, 204}
        except urllib3.exceptions.HTTPError:
            return False


def official(settings: Settings) -> InfluxDBClient:
    """Give the official client of the first server. Raises AttributeError where there is none."""
    for name, server in settings.servers.items():
        if server.api == 1:
            raise AttributeError(
                f"server {name} is an InfluxDB 1 (api = 1), which has no API but writing and InfluxQL; "
                "`labmon query` and labmon_dagster.read read from it"
            )
        return Link2(server.target(settings.patience)).client
    raise AttributeError("no server is configured; only write_api() is there")
