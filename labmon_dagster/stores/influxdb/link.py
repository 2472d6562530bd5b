"""The wire to one InfluxDB: a body is acknowledged, a question is answered, or an error says why."""

from __future__ import annotations

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from labmon_dagster.model.lazily import lazily
from labmon_dagster.stores.influxdb.errors import Refused, refused
from labmon_dagster.stores.influxdb.target import Target

_CONNECT, _ANSWER = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a server: a database (or bucket), and its retention policy ('': the default one; 1.x)."""

    database: str
    policy: str = ""


class Link(Protocol):
    """A connection to a server; ``write`` may be called by several threads at once."""

    target: Target

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        """Write lines. Raises Refused, or urllib3's errors where no answer came."""
        ...

    def query(self, text: str, place: Place) -> Iterator[bytes]:
        """Give the answer to an InfluxQL text, line by line. Raises as `write` does."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class _Http(ABC):
    """What both generations have in common: asking by InfluxQL."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @lazily
    def pool(self) -> urllib3.PoolManager:
        """The connections, opened when first needed. Certificates are verified."""
        return urllib3.PoolManager(
            maxsize=self.target.senders + 1,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT, read=_ANSWER),
            ca_certs=self.target.ca or None,
            cert_reqs="CERT_REQUIRED",
        )

    @property
    @abstractmethod
    def headers(self) -> dict[str, str]:
        """The credentials."""

    def query(self, text: str, place: Place) -> Iterator[bytes]:
        """Give the answer to an InfluxQL text, one JSON document a line."""
        asked = {"db": place.database, "epoch": "ns", "chunked": "true", "chunk_size": "20000"}
        if place.policy:
            asked["rp"] = place.policy
        reply = self.pool.request(
            "POST",
            f"{self.target.base}/query?{urlencode(asked)}",
            fields={"q": text},
            encode_multipart=False,
            headers=self.headers,
            preload_content=False,
        )
        try:
            if reply.status != 200:
                raise refused(reply.status, reply.read(), reply.headers)
            yield from _lines(reply)
        finally:
            reply.drain_conn()
            reply.release_conn()

    def close(self) -> None:
        """Close all connections."""
        if "pool" in self.__dict__:
            self.pool.clear()
            del self.__dict__["pool"]


class Link1(_Http):
    """InfluxDB 1.x: `/write`, with user and password."""

    @property
    def headers(self) -> dict[str, str]:
        """Basic authentication, if there is a user. InfluxDB takes both as UTF-8."""
        login = f"{self.target.user}:{self.target.secret}".encode()
        return {"Authorization": f"Basic {b64encode(login).decode()}"} if self.target.user else {}

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        """Write lines."""
        asked = {"db": place.database, "precision": "u" if precision == "us" else precision}
        if place.policy:
            asked["rp"] = place.policy
        encoding = {"Content-Encoding": "gzip"} if gzipped else {}
        url = f"{self.target.base}/write?{urlencode(asked)}"
        reply = self.pool.request("POST", url, body=body, headers={**self.headers, **encoding})
        if reply.status != 204:
            raise refused(reply.status, reply.data, reply.headers)


class Link2(_Http):
    """InfluxDB 2, Cloud, 3 and 1.8+: `/api/v2/write` through the official client, with a token."""

    @property
    def headers(self) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Token {self.target.secret}"} if self.target.secret else {}

    @lazily
    def client(self) -> InfluxDBClient:
        """The official client. It neither batches nor retries: that would report what is not stored."""
        target = self.target
        return InfluxDBClient(
            url=target.base,
            token=target.secret,
            org=target.org,
            timeout=(int(_CONNECT * 1000), int(_ANSWER * 1000)),
            ssl_ca_cert=target.ca or None,
            connection_pool_maxsize=target.senders + 1,
        )

    @lazily
    def service(self) -> WriteService:
        """The official client's writing, without its batches."""
        return WriteService(self.client.api_client)  # type: ignore[no-untyped-call]

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        """Write lines."""
        try:
            _, status, _ = self.service.post_write_with_http_info(  # type: ignore[no-untyped-call]
                self.target.org,
                place.database,
                body,
                precision=precision,
                content_encoding="gzip" if gzipped else "identity",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            if not error.status:
                raise urllib3.exceptions.SSLError(error.reason) from error
            raise refused(error.status, error.body or b"", error.headers or {}) from error
        if status != 204:
            raise Refused(status, "InfluxDB does not answer so; is there something else at this address?")

    def close(self) -> None:
        """Close all connections."""
        super().close()
        if "client" in self.__dict__:
            self.client.close()  # type: ignore[no-untyped-call]
            for name in ("client", "service"):
                self.__dict__.pop(name, None)


def connect(target: Target) -> Link:
    """The link a target needs. Nothing is opened yet."""
    return Link1(target) if target.api == 1 else Link2(target)


def _lines(reply: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in reply.stream(1 << 18):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest
