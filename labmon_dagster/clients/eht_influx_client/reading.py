"""From an ini file, or from keywords, to the client's settings; errors name file, section and key."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from labmon_dagster.clients.eht_influx_client.config import DEFAULT_BUCKET, Server, Settings
from labmon_dagster.clients.eht_influx_client.ini import MAIN, SERVER, near, read_sections

_LOG = logging.getLogger(__name__)
_PUBLISHED = ("url", "org", "bucket", "token")
_NUMBERED = re.compile(rf"({'|'.join(_PUBLISHED)})([2-9]|[1-9]\d+)?")
Servers: TypeAlias = dict[str, dict[str, Any]]
M = TypeVar("M", bound=BaseModel)


class Given(NamedTuple):
    """What was given: the station's keys, the servers by name, and those named by published keys only."""

    main: dict[str, Any]
    sections: Servers
    numbered: Servers


def settings_of(file: str | Path | None, keywords: Mapping[str, Any]) -> Settings:
    """Read an ini file, if there is one, and keywords, which win over it.

    Keywords are the keys of ``[eht_influx]``, and ``servers={NAME: {KEY: VALUE}}`` for the sections. Raises
    ValueError that names file, section and key, and what is allowed.
    """
    place = "keywords" if file is None else str(file)
    read = _from_file(file) if file is not None else Given({}, {}, {})
    given = _from_keywords(keywords)
    servers: Servers = {}
    for source in (*read[1:], *given[1:]):
        for name, keys in source.items():
            servers[name] = {**servers.get(name, {}), **keys}
    for name in {*read.numbered, *given.numbered} - {*read.sections, *given.sections}:
        _default_bucket(place, name, servers[name])
    return _settings(place, {**read.main, **given.main}, servers)


def _from_file(file: str | Path) -> Given:
    sections = read_sections(file)
    main, numbered = _parted(sections.pop(MAIN, {}))
    named = {name.partition(" ")[2].strip(): dict(keys) for name, keys in sections.items()}
    for name in sorted(set(numbered) & set(named)):
        raise ValueError(f"{file}: server {name!r} is in [{MAIN}] and in [{SERVER} {name}]; once is enough")
    return Given(main, named, numbered)


def _from_keywords(keywords: Mapping[str, Any]) -> Given:
    main, numbered = _parted(keywords)
    named = main.pop("servers", {})
    if not isinstance(named, Mapping) or not all(isinstance(keys, Mapping) for keys in named.values()):
        raise ValueError("keywords: servers: write {NAME: {KEY: VALUE}}")
    return Given(main, {name: dict(keys) for name, keys in named.items()}, numbered)


def _parted(keys: Mapping[str, Any]) -> tuple[dict[str, Any], Servers]:
    """Part the published keys of servers (url, org2 …) from the station's own."""
    main: dict[str, Any] = {}
    servers: Servers = {}
    for key, value in keys.items():
        if match := _NUMBERED.fullmatch(key):
            servers.setdefault(_server_name(match[2]), {})[match[1]] = value
        else:
            main[key] = value
    return main, servers


def _server_name(number: str | None) -> str:
    return {None: "local", "2": "global"}.get(number, f"server{number}")


def _default_bucket(place: str, name: str, keys: dict[str, Any]) -> None:
    if "bucket" not in keys:
        _LOG.warning("%s: server %s: no bucket is named; %s is written", place, name, DEFAULT_BUCKET)
        keys["bucket"] = DEFAULT_BUCKET


def _settings(place: str, main: Mapping[str, Any], servers: Servers) -> Settings:
    ready = {name: _checked(Server, keys, f"{place}: server {name}") for name, keys in servers.items()}
    found = _checked(Settings, {**main, "servers": ready}, f"{place}: [{MAIN}]")
    if not ready and found.deliver == "client":
        raise ValueError(f"{place}: no server is named; give url and bucket, or deliver = dagster")
    return found


def _checked(model: type[M], keys: Mapping[str, Any], place: str) -> M:
    """Check keys. The error names no value that the model itself does not: it may be a token."""
    known = [name for name, field in model.model_fields.items() if not field.exclude]
    for key in keys:
        if key not in model.model_fields:
            allowed = [*known, *_PUBLISHED, "url2 …"] if model is Settings else known
            raise ValueError(f"{place}: unknown key {key!r}; {near(key, allowed)}")
    try:
        return model.model_validate(dict(keys))
    except ValidationError as error:
        raise ValueError("; ".join(_told(model, place, dict(one)) for one in error.errors())) from None


def _told(model: type[BaseModel], place: str, error: Mapping[str, Any]) -> str:
    key = ".".join(map(str, error["loc"]))
    field = model.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    if error["type"] == "missing" and field:
        return f"{place}: {key} is missing: {field.description}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}{f': {key}' if key else ''}: {message}"
