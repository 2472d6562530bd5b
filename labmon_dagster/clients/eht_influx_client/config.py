"""What the client can be told: keys, their meanings and defaults, checked before anything is done."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from labmon_dagster.clients.eht_influx_client.ini import expanded
from labmon_dagster.model import SECOND
from labmon_dagster.quality import nanoseconds
from labmon_dagster.secret import secret, secret_file
from labmon_dagster.stores.influxdb import Target

DEFAULT_BUCKET = "vlbimon_test"
_TEST = "_test"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KINDS = {1: "influxdb1", 2: "influxdb"}


def _seconds(given: object) -> object:
    """Read a length of time as seconds; a number is seconds already."""
    return nanoseconds(given) / SECOND if isinstance(given, str) else given


def _interval(given: object) -> object:
    return None if given in {"no", "", None} else _seconds(given)


def _path(given: object) -> object:
    return (expanded(given, "a file") if given else None) if isinstance(given, str) else given


Seconds: TypeAlias = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Interval: TypeAlias = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_interval)]
File: TypeAlias = Annotated[Path | None, BeforeValidator(_path)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Server(_Keys):
    """One InfluxDB: where it is, who writes there, and how."""

    url: str = Field(description="http(s)://HOST:PORT of the server", examples=["http://localhost:8086"])
    bucket: str = Field(
        description="the bucket (InfluxDB 1: the database) that is written; it must be there",
        examples=[DEFAULT_BUCKET],
    )
    org: str = Field("", description="the organization (InfluxDB 2, Cloud)", examples=["eht"])
    api: Literal[1, 2] = Field(2, description="2: /api/v2/write and a token; 1: /write, user and password")
    token: SecretStr = Field(SecretStr(""), description="the token", examples=["my-token"])
    token_file: File = Field(None, description="or: a file that holds the token and nothing else")
    token_env: str = Field("", description="or: the environment variable that holds the token")
    user: str = Field("", description="the user (api = 1)")
    password: SecretStr = Field(SecretStr(""), description="the user's password (api = 1)")
    password_file: File = Field(None, description="or: a file that holds the password and nothing else")
    password_env: str = Field("", description="or: the environment variable that holds the password")
    ca: File = Field(None, description="a file with the certificates to trust, where the system's do not do")
    gzip: Literal["auto", "on", "off"] = Field(
        "auto", description="compress: on, off, or auto (not on localhost)"
    )
    batch: int = Field(20_000, description="lines sent in one request, 1 to 1000000")
    order: Literal["oldest", "newest"] = Field(
        "oldest", description="what is sent first after the server was away: the oldest, or the newest"
    )

    @field_validator("url")
    @classmethod
    def _base(cls, url: str) -> str:
        parts = urlsplit(url)
        behind = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in {"http", "https"} or not parts.hostname or behind:
            raise ValueError("write http(s)://HOST:PORT and nothing behind it; the bucket has its own key")
        if "@" in parts.netloc:
            raise ValueError("no user and no password in the URL, please: they have keys of their own")
        return url

    @field_validator("api", mode="before")
    @classmethod
    def _digit(cls, given: object) -> object:
        return int(given) if isinstance(given, str) and given in {"1", "2"} else given

    @field_validator("bucket")
    @classmethod
    def _bucket_for_tests(cls, bucket: str) -> str:
        if not bucket:
            raise ValueError(f"it is empty; name the bucket that is written, as in bucket = {DEFAULT_BUCKET}")
        if under_pytest() and not bucket.endswith(_TEST):
            raise ValueError(
                f"{bucket!r} is refused: under pytest only buckets whose name ends in {_TEST} are written, "
                "so that no test writes where real data are"
            )
        return bucket

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        for key in ("token", "password"):
            given = [name for name in (key, f"{key}_file", f"{key}_env") if _is_given(getattr(self, name))]
            if len(given) > 1:
                raise ValueError(f"{' and '.join(given)} are given; one is enough")
            other = 1 if key == "token" else 2
            if given and self.api == other:
                raise ValueError(f"{given[0]} means nothing with api = {other}; set api = {3 - other}")
        if self.user and self.api == 2:
            raise ValueError("user means nothing with api = 2, which knows tokens; set api = 1")
        return self

    def secret(self) -> str:
        """Give the token or password. Raises ValueError where the file or variable is not there."""
        key = "token" if self.api == 2 else "password"
        file, variable = getattr(self, f"{key}_file"), getattr(self, f"{key}_env")
        if file:
            return secret_file(file, f"{key}_file")
        if not variable:
            given: SecretStr = getattr(self, key)
            return given.get_secret_value()
        found = secret(variable)
        if found is None:
            raise ValueError(f"{key}_env: the environment variable {variable} is not set")
        return found

    def target(self, patience: float) -> Target:
        """Give what a store writes to. Raises ValueError for what `Target.parse` refuses, or no secret."""
        scheme, _, host = self.url.rstrip("/").partition("://")
        options = {"org": self.org, "batch": self.batch, "gzip": self.gzip, "ca": self.ca or ""}
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        url = f"{_KINDS[self.api]}+{scheme}://{user}{host}/{quote(self.bucket, safe='')}?{urlencode(options)}"
        return replace(Target.parse(url, self.secret()), patience=patience)


class Settings(_Keys):
    """The station: its log, who delivers it, what is told of errors, and its servers."""

    asset: str = Field(
        "eht/vlbimon",
        description="the station log's name; what server NAME gets is the asset <asset>_NAME",
    )
    log: File = Field(None, description="the folder of the station log (default: $LABMON_HOME/journal)")
    deliver: Literal["client", "dagster"] = Field(
        "client", description="who brings the log to the servers: the client's own thread, or Dagster"
    )
    timeout: Seconds = Field(
        10.0, description="how long close(), and write() with SYNCHRONOUS, wait for the servers"
    )
    every: Seconds = Field(1.0, description="how often the log is looked at for what is new")
    patience: Seconds = Field(
        5.0,
        description="how long a request that gets no answer is tried again before its server counts as away",
    )
    longest_pause: Seconds = Field(
        30.0, description="how long a server that is away is left alone at most; pauses begin with `every`"
    )
    csvlogfile: File = Field(
        None,
        description="a copy of all that is written, for people: annotated CSV; its name may hold %Y-%m-%d",
    )
    jsonlogfile: File = Field(None, description="the same as JSON lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="what the client's log tells: debug, info, warning or error"
    )
    log_file: File = Field(None, description="a file for the client's log (default: logging as it is set up)")
    metric: Interval = Field(
        None,
        description="how often the measurement eht_influx_client (what waits, what was delivered, errors) is "
        "written: no, or a length of time",
    )
    servers: dict[str, Server] = Field({}, description="the servers by name", exclude=True)

    @field_validator("servers", mode="before")
    @classmethod
    def _names(cls, given: dict[str, Any]) -> dict[str, Any]:
        for name in given:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a server: small letters, digits and _, please")
        return given

    @model_validator(mode="after")
    def _whose_delivery(self) -> Self:
        if self.metric and self.deliver == "dagster":
            raise ValueError("metric tells of the client's own delivery; it needs deliver = client")
        return self


def under_pytest() -> bool:
    """Tell whether a test runs, in this process or in the one that started it."""
    return "PYTEST_CURRENT_TEST" in os.environ or "pytest" in sys.modules


def _is_given(value: object) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)
