"""InfluxDB 2's HTTP API before an InfluxDB 1: the client of the one writes into the engine of the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlencode

import urllib3

from labmon_dagster_tests.servers.buckets import Buckets, organizations
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.web import Answer, Request, Site

VERSION = "v2.7.11"
_PRECISIONS = {"ns": "n", "us": "u", "ms": "ms", "s": "s"}
_CODES = {
    400: "invalid",
    401: "unauthorized",
    404: "not found",
    413: "request too large",
    422: "unprocessable entity",
    503: "unavailable",
}
_PASSED_ON = ("Content-Encoding", "Content-Type", "Accept", "Accept-Encoding")
_PASSED_BACK = ("Content-Encoding", "Content-Type", "X-Request-Id", "Retry-After")


class Translator(Site):
    """An InfluxDB 2 whose buckets are the databases of an InfluxDB 1.

    With a `token` it asks for it. A write of which a part is refused gives 400, as in InfluxDB Cloud and 3;
    InfluxDB 2 itself gives `partial=422`. While the InfluxDB 1 is down, connections end without an answer.
    """

    def __init__(
        self, influxd: Influxd, *, token: str | None = None, partial: Literal[400, 422] = 400
    ) -> None:
        super().__init__()
        self._influxd = influxd
        self._token = token
        self._partial = partial
        self._buckets = Buckets(influxd)
        ca = str(influxd.ca) if influxd.ca else None
        self._http = urllib3.PoolManager(maxsize=64, ca_certs=ca, retries=False)
        self._routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("POST", "/api/v2/write"): self._write,
            ("POST", "/query"): self._query,
            ("GET", "/query"): self._query,
            ("GET", "/api/v2/orgs"): lambda request: _told(200, organizations(request.query)),
            ("GET", "/api/v2/buckets"): lambda request: _told(200, self._buckets.found(request.query)),
            ("POST", "/api/v2/buckets"): lambda request: _told(*self._buckets.made(json.loads(request.body))),
        }

    def answer(self, request: Request) -> Answer:
        try:
            return self._answer(request)
        except urllib3.exceptions.HTTPError:
            return Answer(drop=True)

    def _answer(self, request: Request) -> Answer:
        if request.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": VERSION, "X-Influxdb-Build": "OSS"})
        if request.path == "/health":
            return self._health()
        if self._token is not None and request.headers.get("Authorization") != f"Token {self._token}":
            return _refused(401, "unauthorized access")
        route = self._routes.get((request.method, request.path))
        return route(request) if route else _refused(404, "path not found")

    def _health(self) -> Answer:
        up = self._influxd.ready()
        said: dict[str, Any] = {
            "name": "influxdb",
            "message": "ready for queries and writes" if up else "not ready",
            "status": "pass" if up else "fail",
            "checks": [],
            "version": VERSION,
        }
        return _told(200 if up else 503, said)

    def _write(self, request: Request) -> Answer:
        bucket = request.query.get("bucket", "")
        precision = _PRECISIONS.get(request.query.get("precision", "ns"))
        if precision is None:
            return _refused(400, "invalid precision; valid precision units are ns, us, ms, and s")
        response = self._ask(request, "/write", {"db": bucket, "precision": precision})
        if response.status < 300:
            return Answer(204)
        message = _message(response.data)
        if response.status == 404:
            return _refused(404, f'bucket "{bucket}" not found')
        if self._partial == 422 and message.startswith("partial write"):
            return _refused(422, f"failure writing points to database: {message}")
        return _refused(response.status, message)

    def _query(self, request: Request) -> Answer:
        response = self._ask(request, "/query", request.query)
        headers = {name: response.headers[name] for name in _PASSED_BACK if name in response.headers}
        return Answer(response.status, response.data, headers)

    def _ask(self, request: Request, path: str, query: dict[str, str]) -> urllib3.BaseHTTPResponse:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        if self._influxd.auth:
            headers |= urllib3.make_headers(basic_auth=":".join(self._influxd.auth))
        url = f"{self._influxd.url}{path}?{urlencode(query)}"
        return self._http.request(
            request.method, url, body=request.body, headers=headers, decode_content=False
        )


def _message(body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text


def _told(status: int, said: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(said), {"Content-Type": "application/json; charset=utf-8"})


def _refused(status: int, message: str) -> Answer:
    code = _CODES.get(status, "internal error")
    answer = _told(status, {"code": code, "message": message})
    return Answer(status, answer.body, {**answer.headers, "X-Platform-Error-Code": code})
