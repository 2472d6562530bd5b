"""Pages over HTTP: one GET for each poll, on a connection of its own, which is closed behind it.

So an answer that comes late finds nobody, and can never be taken for the answer to a later question.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, SwitchingError
from labmon_dagster.sources.wire.web_words import plain, reason, trouble

OPTIONS = ("certificate", "query_only_reads")
"""Options of every kind that is asked over HTTP."""
_HEADERS = {"User-Agent": "labmon", "Accept-Encoding": "identity"}
_LARGEST = 1 << 20
_FARTHEST = 9_223_372_036  # s; as ns it fits 64 bits


@dataclass(frozen=True, slots=True)
class Manner:
    """How a page is asked for: ``timeout`` in s for all of it, from looking up the host to its last byte.

    ``largest``: bytes of an answer, head included, that are read. ``certificate``: a PEM file of the
    authority to be trusted over https; without one, those the system trusts.
    """

    timeout: float = 1.0
    largest: int = _LARGEST
    certificate: str = ""


def checked_url(address: Address, options: Mapping[str, object], path: str = "/") -> str:
    """Give the URL that is asked, ``path`` where the address has none.

    Raises SwitchingError for an address with a query (``?…``): pages send their forms so. The option
    ``query_only_reads: true`` says that this one sets nothing.
    """
    asked = address.path or path
    if "?" in asked and options.get("query_only_reads") is not True:
        raise SwitchingError(
            f"{address}: what follows the question mark may be a form that sets something, and labmon only "
            "reads; say query_only_reads: true if it is known to set nothing"
        )
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{host}{port}{asked}"


def check_options(settings: DeviceSettings, path: str = "/") -> None:
    """Raise ValueError for options of HTTP that make no sense, and for a host that cannot be."""
    certificate = settings.options.get("certificate", "")
    if not isinstance(certificate, str):
        raise ValueError(f"certificate is {certificate!r}; the path of a PEM file was expected")
    if certificate:
        _trusting(certificate)
    if not isinstance(settings.options.get("query_only_reads", False), bool):
        raise ValueError("query_only_reads is true or false")
    _url(checked_url(settings.address, settings.options, path))


class Page:
    """A device that is one page: each poll gets it whole."""

    def __init__(self, url: str, form: str, manner: Manner) -> None:
        self._url = url
        self._form = form
        self._manner = manner
        self._trusted = _trusting(manner.certificate) if manner.certificate else True

    async def open(self) -> None:
        """Do nothing: a page says nothing unasked."""

    async def close(self) -> None:
        """Do nothing: no connection outlives a poll."""

    async def poll(self) -> Heard:
        """Get the page: its body exactly as it came.

        There is ``trouble`` where the status is not 200, or the answer is cut short, too long, too slow or
        no HTTP. Raises DeviceError if not one byte of a body, and nothing else that could be kept, came.
        """
        raw = _Raw(self._manner.largest)
        try:
            async with (
                self._session(raw) as session,
                session.get(_url(self._url), allow_redirects=False, headers=_HEADERS) as answer,
            ):
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return self._broken(raw, error)
        if not body:
            raise DeviceError(f"{self._url}: status {answer.status} and an empty page")
        wrong = trouble(answer.status, answer.headers)
        return Heard(body, time.time_ns(), self._form, wrong, _clock(answer.headers.get("Date")))

    def _session(self, raw: _Raw) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(force_close=True, ssl=self._trusted)
        # aiohttp keeps no bytes of an answer it does not understand, and they are to be kept.
        make: Callable[..., ResponseHandler] = _Listening
        connector._factory = partial(make, loop=asyncio.get_running_loop(), raw=raw)
        session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._manner.timeout, sock_connect=self._manner.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        session._retry_connection = False  # a poll is one question, also where the device hangs up
        return session

    def _broken(self, raw: _Raw, error: Exception) -> Heard:
        why = reason(error, bytes(raw.heard))
        if raw.too_long:
            why = f"longer than {self._manner.largest} bytes, the rest was not read"
        elif isinstance(error, TimeoutError):
            why = f"no whole answer within {self._manner.timeout:g} s"
        if not raw.heard:
            raise DeviceError(f"{self._url}: {why}") from error
        _, _, body = bytes(raw.heard).partition(b"\r\n\r\n")
        return Heard(body or bytes(raw.heard), time.time_ns(), self._form, trouble=why)


class _Raw:
    """What came over one connection, no more than ``largest`` bytes of it."""

    def __init__(self, largest: int) -> None:
        self.heard = bytearray()
        self.too_long = False
        self._largest = largest

    def take(self, data: bytes) -> None:
        room = self._largest - len(self.heard)
        self.too_long = self.too_long or len(data) > room
        self.heard += data[:room]


class _Listening(ResponseHandler):
    """HTTP as aiohttp reads it, with the bytes kept; an answer that is too long ends the connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, raw: _Raw) -> None:
        super().__init__(loop)
        self._raw = raw

    def data_received(self, data: bytes) -> None:
        self._raw.take(data)
        if not self._raw.too_long:
            super().data_received(data)
        elif isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


def _url(text: str) -> URL:
    """Give a URL whose host can be looked up. Raises ValueError for labels that are empty or too long."""
    try:
        url = URL(text)
        (url.raw_host or "").encode("idna")
    except ValueError as error:
        raise ValueError(f"no host can be called as in {plain(text)}") from error
    return url


def _clock(date: str | None) -> int | None:
    """Give a Date header as UTC ns; None where there is none, or it cannot be read."""
    if date is None:
        return None
    try:
        told = parsedate_to_datetime(date)
        seconds = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return int(seconds) * 1_000_000_000 if abs(seconds) < _FARTHEST else None


def _trusting(certificate: str) -> ssl.SSLContext:
    """Give the context of an authority. Raises ValueError if its file cannot be read."""
    try:
        return ssl.create_default_context(cafile=certificate)
    except OSError as error:  # an SSLError is one
        raise ValueError(f"certificate {certificate}: {error.strerror or error}") from error
