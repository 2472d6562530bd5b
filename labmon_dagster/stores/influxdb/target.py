"""Which InfluxDB, and how it is spoken to: what a store's URL says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from labmon_dagster.model.window import UNITS

FORMS = (
    "influxdb+http(s)://HOST:PORT/BUCKET?org=ORG (2, Cloud, 3, 1.8+; token in LABMON_INFLUXDB_TOKEN)",
    "influxdb1+http(s)://USER@HOST:PORT/DATABASE (1.x; password in LABMON_INFLUXDB_PASSWORD)",
)
_APIS = {"influxdb": 2, "influxdb1": 1}
OPTIONS = ("org", "precision", "batch", "senders", "gzip", "ca", "patience")


@dataclass(frozen=True, slots=True)
class Target:
    """A database (1.x) or bucket (2.x) and the ways of writing to it.

    ``api``: 1 for ``/write``, 2 for ``/api/v2/write``. ``secret``: password or token. ``precision``: unit of
    the time stamps sent. ``batch``: lines a request. ``senders``: requests at once. ``gzip``: whether bodies
    are compressed. ``ca``: file with the certificates to trust ('': the system's). ``patience``: seconds a
    server may be away before an error is raised.
    """

    api: int
    base: str
    database: str
    org: str = ""
    user: str = ""
    secret: str = field(default="", repr=False)
    precision: str = "ns"
    batch: int = 20_000
    senders: int = 2
    gzip: bool = True
    ca: str = ""
    patience: float = 30.0

    @classmethod
    def parse(cls, url: str, secret: str = "") -> Target:
        """Understand a URL. Raises ValueError that says what is wrong with it and what is allowed."""
        parts = urlsplit(url)
        name, _, scheme = parts.scheme.partition("+")
        if name not in _APIS or scheme not in {"http", "https"}:
            raise ValueError(f"{parts.scheme!r} is no InfluxDB; allowed: {'; '.join(FORMS)}")
        given = _options(parts)
        api, database = _APIS[name], unquote(parts.path).strip("/")
        if not parts.hostname or not database:
            raise ValueError(
                f"host or {'bucket' if api == 2 else 'database'} is missing; write {FORMS[2 - api]}"
            )
        if parts.password:
            raise ValueError("no password in the URL, please: it comes from the environment")
        if api == 2 and parts.username:
            raise ValueError(f"InfluxDB 2 knows tokens, no users; write {FORMS[0]}")
        return cls(
            api=api,
            base=f"{scheme}://{_address(parts)}",
            database=database,
            org=given.get("org", ""),
            user=unquote(parts.username or ""),
            secret=secret,
            precision=_one_of("precision", given.get("precision", "ns"), UNITS),
            batch=_number("batch", given.get("batch", "20000"), 1, 1_000_000),
            senders=_number("senders", given.get("senders", "2"), 1, 4),
            gzip=_gzip(given.get("gzip", "auto"), parts.hostname),
            ca=given.get("ca", ""),
            patience=float(_number("patience", given.get("patience", "30"), 0, 3600)),
        )


def _address(parts: SplitResult) -> str:
    """Host and port. Raises ValueError for a port that is no number, which may be part of a password."""
    try:
        number = parts.port
    except ValueError:
        raise ValueError("the port is no number from 0 to 65535") from None
    host = parts.netloc.rpartition("@")[2]
    return host if number is not None else host.removesuffix(":")


def _options(parts: SplitResult) -> dict[str, str]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise ValueError(f"unknown option {', '.join(unknown)}; allowed: {', '.join(OPTIONS)}")
    return given


def _one_of(option: str, given: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    if given not in names:
        raise ValueError(f"{option}={given!r}; allowed: {', '.join(names)}")
    return given


def _number(option: str, given: str, low: int, high: int) -> int:
    if not given.isdecimal() or not low <= int(given) <= high:
        raise ValueError(f"{option}={given!r}; allowed: {low} to {high}")
    return int(given)


def _gzip(given: str, host: str) -> bool:
    """Whether to compress: below some Gbit/s it pays, on the machine's own loopback it does not."""
    _one_of("gzip", given, ("auto", "on", "off"))
    return given == "on" or (given == "auto" and not _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
