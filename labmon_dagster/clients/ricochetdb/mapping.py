"""The mapping file: what devices call their quantities, and what these are called in records.

JSON, with the names of a type of device, and of single devices, which go before those of their type::

    {"types": {"CRYO": {"MIXING CHAMB_Conv": "mixing_chamber_temperature"}},
     "devices": {"192.168.44.60": {"OVC": "outer_vacuum"}}}

A device is named as `DataFetcher.add_datasource` is given it. Only what names its quantities itself (a page,
JSON) can be renamed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from labmon_dagster.clients.ricochetdb.asking import settings_of
from labmon_dagster.collector.kinds import KINDS

DEFAULT = "./mapping.json"
Names: TypeAlias = Mapping[str, str]
_FORM = '{"types": {TYPE: {THEIRS: OURS}}, "devices": {ADDRESS: {THEIRS: OURS}}}'
_SECTIONS = ("types", "devices")
_PAGES = sorted({kind for kind, scheme in KINDS if scheme == "http"})


@dataclass(frozen=True)
class Mappings:
    """The names of a mapping file. ``file`` is named in errors."""

    file: str
    types: Mapping[str, Names]
    devices: Mapping[str, Names]

    @classmethod
    def read(cls, file: str) -> Mappings:
        """Read a mapping file; only the default one may be absent.

        Raises RuntimeError that names the file, the key and what is allowed.
        """
        path = Path(file)
        if file == DEFAULT and not path.exists():
            return cls(file, {}, {})
        try:
            told = json.loads(path.read_bytes(), object_pairs_hook=_once)
            found = cls(file, *(_section(told, name) for name in _SECTIONS))
            found._check()
        except OSError as error:
            raise RuntimeError(f"{file}: {error.strerror}; a mapping file was expected there") from error
        except ValueError as error:  # JSON or UTF-8 that is none raises one
            raise RuntimeError(f"{file}: {error}; its form is {_FORM}") from error
        return found

    def names(self, kind: str, ip_addr: str, is_page: bool) -> Names:
        """Give the names of a device. Raises RuntimeError for one whose names are fixed."""
        own = self.devices.get(ip_addr, {})
        if is_page:
            return {**self.types.get(kind, {}), **own}
        if own:
            raise RuntimeError(f"{self.file}: devices: {ip_addr}: only names on a page or in JSON are mapped")
        return {}

    def _check(self) -> None:
        for kind, names in self.types.items():
            if kind not in _PAGES:
                raise ValueError(f"types: {kind!r} has no names to be mapped; allowed: {', '.join(_PAGES)}")
            try:
                settings_of(kind, "localhost", "http", names, 1.0)
            except RuntimeError as error:
                raise ValueError(f"types: {kind}: {error}") from error


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands there twice")
        found[key] = value
    return found


def _section(told: object, name: str) -> dict[str, Names]:
    if not isinstance(told, dict) or not set(told) <= set(_SECTIONS):
        raise ValueError("an object with types and devices was expected, and nothing else")
    section = told.get(name, {})
    if not isinstance(section, dict):
        raise ValueError(f"{name} is {section!r}; an object was expected")
    for key, names in section.items():
        if not isinstance(names, dict) or not all(isinstance(ours, str) for ours in names.values()):
            raise ValueError(f"{name}: {key}: names of theirs, each with one of ours, were expected")
    return section
