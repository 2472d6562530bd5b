"""What Dagster's webserver says of itself, asked by GraphQL."""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from labmon_dagster.running.place import LOCAL

_ERROR = "... on PythonError { message }"
_LOCATIONS = (
    "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus "
    f"locationOrLoadError {{ __typename {_ERROR} }} }} }} {_ERROR} }} }}"
)
_RUNS = (
    "query($statuses: [RunStatus!], $since: Float) "
    "{ runsOrError(filter: {statuses: $statuses, createdAfter: $since}) { ... on Runs { count } } }"
)
_PATIENCE = 10.0
_SILENT = (OSError, HTTPException, ValueError, KeyError, TypeError)  # no answer, or not one of a webserver
# Not over a proxy that the environment names: the webserver is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Location:
    """How far the code location is: loaded, or not yet, perhaps with an error."""

    loaded: bool
    error: str = ""


class Ui:
    """The webserver at a port of this machine."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOCAL}:{port}"

    def location(self, name: str) -> Location:
        """How far a code location is; not loaded while nothing answers."""
        try:
            said = self._ask(_LOCATIONS)["workspaceOrError"]
        except _SILENT:
            return Location(False)
        entries = {entry["name"]: entry for entry in said.get("locationEntries", [])}
        found = (entries.get(name) or {}).get("locationOrLoadError") or said
        if "message" in found:
            return Location(False, found["message"])
        return Location(found.get("__typename") == "RepositoryLocation")

    def failed_runs(self, since: float) -> int | None:
        """How many runs that were asked for since then (s since 1970) failed; None where nothing answers."""
        return self._count(["FAILURE"], since)

    def runs_under_way(self) -> int:
        """How many runs are at work; 0 where nothing answers."""
        return self._count(["STARTING", "STARTED"], None) or 0

    def _count(self, statuses: list[str], since: float | None) -> int | None:
        with suppress(*_SILENT):
            return int(self._ask(_RUNS, {"statuses": statuses, "since": since})["runsOrError"]["count"])
        return None

    def _ask(self, query: str, variables: dict[str, object] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - http, and only to this machine
            f"{self.url}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"Content-Type": "application/json"},
        )
        with _opener.open(request, timeout=_PATIENCE) as answer:
            return dict(json.load(answer)["data"])
