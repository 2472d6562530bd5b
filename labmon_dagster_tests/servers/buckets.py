"""Databases of InfluxDB 1 as the buckets and organizations of InfluxDB 2's API."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from labmon_dagster_tests.servers.influx import Influxd, InfluxError

_BIRTH = "2024-01-01T00:00:00Z"
_UNITS = {"h": 3600, "m": 60, "s": 1}
_ORGANIZATION = "lab"


def organizations(query: dict[str, str]) -> dict[str, Any]:
    """The organization that is asked for: there is every one."""
    name = query.get("org", _ORGANIZATION)
    return {"links": {"self": "/api/v2/orgs"}, "orgs": [{"id": query.get("orgID", _id(name)), "name": name}]}


class Buckets:
    """The buckets that there are in an InfluxDB 1, and new ones."""

    def __init__(self, influxd: Influxd) -> None:
        self._influxd = influxd

    def found(self, query: dict[str, str]) -> dict[str, Any]:
        """The buckets, all or that of a name."""
        names = [name for name in self._names() if query.get("name", name) == name]
        page = names[int(query.get("offset", 0)) :][: int(query.get("limit", 20))]
        organization = query.get("orgID") or _id(query.get("org", _ORGANIZATION))
        buckets = [self._bucket(name, organization) for name in page]
        return {"links": {"self": "/api/v2/buckets"}, "buckets": buckets}

    def made(self, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Make a bucket: the status and what is said to it."""
        name = wanted["name"]
        if name in self._names():
            return 422, {"code": "conflict", "message": f"bucket with name {name} already exists"}
        seconds = next((rule["everySeconds"] for rule in wanted.get("retentionRules") or ()), 0)
        duration = f"{seconds}s" if seconds else "INF"
        try:
            self._influxd.query(f'CREATE DATABASE "{name}" WITH DURATION {duration}')
        except InfluxError as error:
            return 422, {"code": "unprocessable entity", "message": str(error)}
        return 201, self._bucket(name, wanted.get("orgID") or _id(_ORGANIZATION))

    def _names(self) -> list[str]:
        return [row["name"] for row in self._influxd.query("SHOW DATABASES")]

    def _bucket(self, name: str, organization: str) -> dict[str, Any]:
        policies = self._influxd.query(f'SHOW RETENTION POLICIES ON "{name}"')
        rules = [_rule(policy) for policy in policies if policy["default"]]
        return {
            "id": _id(name),
            "orgID": organization,
            "type": "user",
            "name": name,
            "retentionRules": rules,
            "createdAt": _BIRTH,
            "updatedAt": _BIRTH,
            "labels": [],
        }


def _rule(policy: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "expire",
        "everySeconds": _seconds(policy["duration"]),
        "shardGroupDurationSeconds": _seconds(policy["shardGroupDuration"]),
    }


def _seconds(duration: str) -> int:
    """The seconds of a duration as `168h0m0s`."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def _id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
