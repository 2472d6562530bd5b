"""What is said of answers and errors over HTTP: plain words, ASCII only, no longer than a line."""

from __future__ import annotations

import os
import re
import ssl

import aiohttp
from multidict import CIMultiDictProxy

_TOLD = 160  # characters of a text that came over the wire
_SHOWN = 40  # bytes of an answer that is no HTTP
_OK = 200
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def plain(text: str) -> str:
    r"""Give a text as it may stand in a journal: on one line, in ASCII (``\xe9`` for é), and cut."""
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= _TOLD else f"{escaped[:_TOLD]}..."


def trouble(status: int, headers: CIMultiDictProxy[str]) -> str:
    """Say why an answer with this status and head cannot be believed; nothing where it can."""
    if status != _OK:
        where = headers.get("Location")
        elsewhere = f"; it points to {plain(where)}, which is not followed" if where else ""
        return f"HTTP status {status}{elsewhere}"
    codings = headers.getall("Content-Encoding", [])
    if len(codings) > 1:
        return f"it came with {len(codings)} headers Content-Encoding"
    if not codings or codings[0].strip().lower() in {"", "identity"}:
        return ""
    return f"it came with Content-Encoding {plain(codings[0])}, which was not asked for"


def reason(error: Exception, heard: bytes) -> str:
    """Say what an error means, after these bytes, head included, were heard."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return _cut_short(heard)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "cut short within its head" if heard else "it hung up without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return _no_http(error, heard)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot connect: no host of that name is known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {_of_system(error.certificate_error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {_of_system(error.os_error)}"
    return _of_system(error)


def _cut_short(heard: bytes) -> str:
    head, _, body = heard.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    whole = int(length[1]) if length else 0
    return f"cut short: {len(body)} of {whole} bytes" if len(body) < whole else "cut short"


def _no_http(error: aiohttp.ClientResponseError, heard: bytes) -> str:
    if not heard.startswith(b"HTTP/"):
        return f"no HTTP: {ascii(heard[:_SHOWN])[1:]}{'...' if len(heard) > _SHOWN else ''}"
    why, _, _ = error.message.strip().partition("\n")
    why, _, _ = why.partition(": b'")  # the bytes themselves are kept
    return f"its HTTP cannot be read: {plain(why.rstrip(': ')) or 'no more is known'}"


def _of_system(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message:
        return plain(error.verify_message)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed, {(error.reason or 'unknown').replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        said = os.strerror(error.errno)
        return said[:1].lower() + said[1:]
    return plain(" ".join(str(error).split()) or type(error).__name__)
