"""The wire to one InfluxDB: a body is acknowledged, a question is answered, or an error says why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import stamina
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.target import Target

_TRANSIENT = {429, 500, 502, 503, 504}
_CONNECT, _ANSWER = 5.0, 60.0
_LONGEST_WAIT = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a server: a database (or bucket), and its retention policy ('': the default one; 1.x)."""

    database: str
    policy: str = ""


class Refused(Exception):  # noqa: N818  an answer, and mostly not the end
    """The server's answer is not what was hoped for. ``wait``: seconds it asks for before another try."""

    def __init__(self, status: int, message: str, wait: float | None = None) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.message = message
        self.wait = wait


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


class _Http:
    """What both generations have in common: asking by InfluxQL."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @cached_property
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
    def headers(self) -> dict[str, str]:
        """The credentials."""
        raise NotImplementedError

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
                raise _refused(reply.status, reply.read(), reply.headers)
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
        """Basic authentication, if there is a user."""
        login = f"{self.target.user}:{self.target.secret}"
        return dict(urllib3.make_headers(basic_auth=login)) if self.target.user else {}

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        """Write lines."""
        asked = {"db": place.database, "precision": "u" if precision == "us" else precision}
        if place.policy:
            asked["rp"] = place.policy
        encoding = {"Content-Encoding": "gzip"} if gzipped else {}
        url = f"{self.target.base}/write?{urlencode(asked)}"
        reply = self.pool.request("POST", url, body=body, headers={**self.headers, **encoding})
        if reply.status != 204:
            raise _refused(reply.status, reply.data, reply.headers)


class Link2(_Http):
    """InfluxDB 2, Cloud, 3 and 1.8+: `/api/v2/write` through the official client, with a token."""

    @property
    def headers(self) -> dict[str, str]:
        """The token."""
        return {"Authorization": f"Token {self.target.secret}"} if self.target.secret else {}

    @cached_property
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

    @cached_property
    def service(self) -> WriteService:
        """The official client's writing, without its batches."""
        return WriteService(self.client.api_client)  # type: ignore[no-untyped-call]

    def write(self, body: bytes, place: Place, precision: str, *, gzipped: bool) -> None:
        """Write lines."""
        try:
            self.service.post_write(  # type: ignore[no-untyped-call]
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
            raise _refused(error.status, error.body or b"", error.headers or {}) from error

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


def tried(link: Link, what: str, work: Callable[[], T]) -> T:
    """Do ``work``, again and again while the server is away or busy, for as long as it may be.

    Raises StoreError that says what to do; Refused for answers that another try would not change.
    """
    patience = link.target.patience
    try:
        for attempt in (
            stamina.retry_context(
                on=_pause, attempts=None, timeout=patience or None, wait_initial=0.2, wait_max=5.0
            )
            if patience
            else [None]
        ):
            if attempt is None:
                return work()
            with attempt:
                return work()
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(
            f"{_told(link, what)}: {_reason(error)}; nothing is lost, it is tried again"
        ) from error
    except Refused as refused:
        if refused.status in _TRANSIENT:
            raise StoreError(
                f"{_told(link, what)}: {refused}; nothing is lost, it is tried again"
            ) from refused
        _explain(link, what, refused)
        raise
    raise AssertionError("the last try ends the loop")


def _explain(link: Link, what: str, refused: Refused) -> None:
    """Raise StoreError for answers that people must do something about."""
    target = link.target
    secret = "LABMON_INFLUXDB_TOKEN" if target.api == 2 else "user in the URL and LABMON_INFLUXDB_PASSWORD"
    if refused.status in {401, 403}:
        raise StoreError(
            f"{_told(link, what)}: {refused}; check {secret}, "
            f"and that it may read and write {target.database!r}"
        ) from refused
    if refused.status == 404:
        raise StoreError(
            f"{_told(link, what)}: {refused}; `labmon create-store` makes {target.database!r}, "
            "if host and path of the URL are right"
        ) from refused


def _told(link: Link, what: str) -> str:
    return f"InfluxDB at {link.target.base}, {what}"


def _pause(error: Exception) -> bool | float:
    """Whether another try may help, and how long the server wants to be left alone before."""
    if isinstance(error, Refused):
        if error.status not in _TRANSIENT:
            return False
        return min(error.wait, _LONGEST_WAIT) if error.wait is not None else True
    return isinstance(error, urllib3.exceptions.HTTPError) and not _about_certificates(error)


def _about_certificates(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate verify failed" in str(error)


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    hint = "; `ca=FILE` in the URL names the authority to trust" if _about_certificates(error) else ""
    return f"{text}{hint}"


def _refused(status: int, body: bytes | str, headers: Mapping[str, str]) -> Refused:
    raw = body.decode(errors="replace") if isinstance(body, bytes) else body
    message = raw.strip() or headers.get("X-Influxdb-Error", "") or "no reason given"
    with suppress(ValueError, AttributeError):
        told = json.loads(raw)
        message = str(told.get("error") or told.get("message") or message)
    wait = headers.get("Retry-After", "")
    return Refused(status, message, float(wait) if wait.isdecimal() else None)


def _lines(reply: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in reply.stream(1 << 18):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest
