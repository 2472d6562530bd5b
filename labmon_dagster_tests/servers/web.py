"""A small threaded HTTP server around a function: what the stand-ins are made of."""

from __future__ import annotations

import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from labmon_dagster_tests.servers.process import HOST


@dataclass(frozen=True)
class Request:
    """What a client has sent; headers are found in any case of letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the client gets: after `delay` seconds, or nothing but the end of the connection (`drop`)."""

    status: int = 204
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    drop: bool = False

    @property
    def payload(self) -> bytes:
        """The body as bytes."""
        return self.body.encode() if isinstance(self.body, str) else self.body


class _Handler(BaseHTTPRequestHandler):
    """Keeps connections open, and sends an answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Threads

    def do_POST(self) -> None:
        request = self._request()
        answer = self.server.answer(request) if request else Answer(411)
        self.server.over.wait(answer.delay)
        if answer.drop or self.server.over.is_set():
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def _request(self) -> Request | None:
        """The request as a whole; None for a body whose length is not told."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return None
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("the client went away within a request")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(self.command, url.path, query, self.headers, body)

    def _send(self, answer: Answer) -> None:
        body = answer.payload
        length = {} if answer.status == 204 else {"Content-Length": str(len(body))}
        self.send_response(answer.status)
        for name, value in {**length, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the tests ask for what they want to see."""


class _Threads(ThreadingHTTPServer):
    """One thread for each connection; at the end all connections are closed."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.over = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__((HOST, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; an error of the stand-in itself is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def end(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Site(ABC):
    """An HTTP server on a free port of this machine; what it answers is for those who inherit."""

    def __init__(self) -> None:
        self._server = _Threads(self.answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """The answer to a request; called in one thread for each connection."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where it takes requests."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.end()
