"""Cases of decoders: ``cases/<case>/``, what came, the options it is read with, and what must come of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Kind


def cases(test_file: str) -> list[Path]:
    """The case folders beside a test file."""
    return sorted(path for path in (Path(test_file).parent / "cases").iterdir() if path.is_dir())


def understood(case: Path, kind_of: Callable[[str], Kind], usual: str, form: str) -> dict[str, Any]:
    """What a case is understood as, or its error; ``settings.json`` has its type and options."""
    told = json.loads((case / "settings.json").read_text()) if (case / "settings.json").exists() else {}
    kind = kind_of(told.get("type", usual))
    address = Address(kind.scheme, "192.168.44.61")
    settings = DeviceSettings("it", kind.type, address, options=told.get("options", {}))
    kind.check(settings)
    try:
        said = kind.understand(Heard(payload(case), 0, form), settings)
    except ValueError as error:
        return {"error": str(error)}
    parts = {"values": said.values, "units": said.units, "missing": said.missing, "details": said.details}
    return {name: dict(part) for name, part in parts.items() if part}


def payload(case: Path) -> bytes:
    """The bytes that came, or those their ``.hex`` says."""
    (path,) = case.glob("input.*")
    return bytes.fromhex(path.read_text()) if path.suffix == ".hex" else path.read_bytes()


def example(room: Any) -> tuple[bytes, dict[str, Any]]:
    """The payload in the README of a room, and the document that it says it becomes."""
    text = (Path(room.__path__[0]) / "README.md").read_text()
    _, raw, _, document, *_ = text.partition("## Example")[2].split("```")
    return raw.partition("\n")[2].strip().encode(), json.loads(document.removeprefix("json"))
