"""A server that answers from a script, for what no real one does on demand."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable
from dataclasses import replace

from labmon_dagster_tests.servers.web import Answer, Request, Site

__all__ = ["Answer", "Double", "Request"]

_NO_ROWS = Answer(200, '{"results":[{"statement_id":0}]}', {"Content-Type": "application/json"})


class Double(Site):
    """Gives the answers in their order to the requests whose path has `scripted` in it.

    After the last of them, and to all other requests, it says what a content InfluxDB says.
    """

    def __init__(self, answers: Iterable[Answer] = (), *, scripted: str = "/write") -> None:
        super().__init__()
        self.requests: list[Request] = []
        """All requests so far, bodies unpacked."""
        self._answers = iter(answers)
        self._scripted = scripted
        self._one_by_one = threading.Lock()

    def answer(self, request: Request) -> Answer:
        otherwise = _NO_ROWS if "/query" in request.path else Answer()
        with self._one_by_one:
            self.requests.append(_unpacked(request))
            return next(self._answers, otherwise) if self._scripted in request.path else otherwise


def _unpacked(request: Request) -> Request:
    if request.headers.get("Content-Encoding") != "gzip":
        return request
    return replace(request, body=gzip.decompress(request.body))
