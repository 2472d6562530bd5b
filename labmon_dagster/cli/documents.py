"""The YAML documents of a lab with their line numbers: which files Dagster loads, and where a key stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

NAMES = ("defs.yaml", "defs.yml", "component.yaml")
_FOLDER_TYPE = "DefsFolderComponent"
Keys: TypeAlias = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file: where, and what. A warning is no error."""

    path: Path
    line: int
    keys: str
    message: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.keys}: " if self.keys else ""
        return f"{self.place}: {'warning: ' if self.warning else ''}{where}{self.message}"

    @property
    def place(self) -> str:
        """File and line, the file as seen from here."""
        here = Path.cwd()
        path = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        return f"{path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its value, and the nodes that know their lines."""

    path: Path
    node: yaml.Node
    value: Any

    def problem(self, keys: Keys, message: str, *, warning: bool = False) -> Problem:
        """Make a problem at the deepest of ``keys`` that stands in the file."""
        line, depth = self._find(keys)
        known = ".".join(map(str, keys[:depth]))
        return Problem(self.path, line, known, message, warning)

    def _find(self, keys: Keys) -> tuple[int, int]:
        """Line and depth of the deepest key of ``keys`` there is."""
        node, line = self.node, self.node.start_mark.line + 1
        for depth, key in enumerate(keys):
            found = _child(node, key)
            if found is None:
                return line, depth
            line, node = found
        return line, len(keys)


def _child(node: yaml.Node, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def files_of(folder: Path) -> Iterator[Path]:
    """Find the YAML files Dagster loads: below a folder that has one, it looks no further."""
    here = next((folder / name for name in NAMES if (folder / name).exists()), None)
    if here is not None:
        yield here
        if _FOLDER_TYPE not in here.read_text(encoding="utf-8", errors="replace"):
            return
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith(".") and inner.name != "__pycache__":
            yield from files_of(inner)


def unseen_files(loaded: Path) -> Iterator[Path]:
    """Find YAML files that are not loaded, because they lie below one that is."""
    for name in NAMES:
        yield from (one for one in sorted(loaded.parent.rglob(name)) if one.parent != loaded.parent)


def documents_of(path: Path) -> tuple[list[Document], list[Problem]]:
    """Read a file: its documents, or what is wrong with its YAML."""
    try:
        text = path.read_text(encoding="utf-8")
        nodes = list(yaml.compose_all(text, Loader=_Loader))
        documents = [Document(path, node, _value(node)) for node in nodes if node is not None]
    except UnicodeDecodeError as error:
        return [], [Problem(path, 1, "", f"is not UTF-8: {error}")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return [], [
            Problem(path, mark.line + 1 if mark else 1, "", f"no YAML: {error.problem or error.context}")
        ]
    except (yaml.YAMLError, ValueError) as error:
        return [], [Problem(path, 1, "", f"no YAML: {' '.join(str(error).split())}")]
    if not documents:
        return [], [Problem(path, 1, "", "describes nothing; write `type: …` and `attributes: …`")]
    return documents, [problem for one in documents for problem in _twice(one, one.node, ())]


class _Loader(yaml.SafeLoader):
    """Reads a date as text, as Dagster does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _value(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _twice(document: Document, node: yaml.Node, keys: tuple[str | int, ...]) -> Iterator[Problem]:
    """Keys that stand twice in one mapping: YAML takes the last without a word."""
    if isinstance(node, yaml.SequenceNode):
        for n, item in enumerate(node.value):
            yield from _twice(document, item, (*keys, n))
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for name, value in node.value:
            line = name.start_mark.line + 1
            if name.value in lines and name.tag != "tag:yaml.org,2002:merge":
                told = ".".join(map(str, (*keys, name.value)))
                yield Problem(document.path, line, told, f"stands twice, first in line {lines[name.value]}")
            lines.setdefault(name.value, line)
            yield from _twice(document, value, (*keys, name.value))
