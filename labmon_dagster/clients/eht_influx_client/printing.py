"""The commented configuration file that print-config prints: every key, its meaning and its default."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from labmon_dagster.clients.eht_influx_client.config import Server, Settings
from labmon_dagster.clients.eht_influx_client.ini import MAIN, SERVER

_ABOUT = """\
# The configuration of the EHT's monitoring client. A line that begins with # is a comment; take the # away
# from a key to set it. Behind a value there is no room for a comment. Values may be quoted; ~ and $VAR expand
# in the names of files. Lengths of time are written as 500ms, 5s, 10min, 2h or 1d.
"""
_PUBLISHED = """\
# A server may also be given by the keys url, org, bucket and token in this section: it is then called local.
# url2, org2, bucket2 and token2 are the server global, url3 … the server server3, and so on.
"""
_FURTHER = """\
# Another server is another section, as [server global], with the same keys. What it gets is an asset of its
# own, <asset>_global: while it is away, the others go on.
"""
_SHOWN = ("url", "bucket", "org", "token")


def config_text() -> str:
    """Write the configuration file; it can be read as it stands."""
    parts = [
        _ABOUT,
        f"[{MAIN}]",
        *_keys(Settings, ()),
        _PUBLISHED,
        f"[{SERVER} local]",
        *_keys(Server, _SHOWN),
        _FURTHER,
    ]
    return "\n".join(parts)


def _keys(model: type[BaseModel], shown: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        mark, value = ("", (field.examples or [""])[0]) if name in shown else ("# ", _default(field))
        yield f"# {field.description}\n{mark}{name} = {value}".rstrip() + "\n"


def _default(field: FieldInfo) -> str:
    """Write a default as the file would have it."""
    value = field.default
    if isinstance(value, SecretStr):
        return ""
    if isinstance(value, float):
        return f"{value:g}s"
    return str(value or "")
