"""Checks one document of a lab's YAML after the other, as Dagster would load it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster.components.core.defs_module import ComponentFileModel
from pydantic import BaseModel, TypeAdapter, ValidationError

from labmon_dagster import components
from labmon_dagster.automation import automation
from labmon_dagster.cli.complaints import complaints, suggestion
from labmon_dagster.cli.documents import Document, Problem, documents_of, files_of, unseen_files
from labmon_dagster.components.asset_component import AssetComponent
from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.components.base import FeedComponent
from labmon_dagster.components.derived import DerivedComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.lab import check_readings, load_derived, load_feeds
from labmon_dagster.definitions import resources
from labmon_dagster.settings import open_any

_PYDANTIC_ADVICE = "For further information visit"


@dataclass(frozen=True, slots=True)
class Found:
    """A feed and where it is described."""

    document: Document
    component: FeedComponent
    feed: Feed


@dataclass(frozen=True, slots=True)
class Made:
    """What is made out of readings, and where it is described."""

    document: Document
    component: DerivedComponent


def inspect(folder: Path) -> tuple[list[Found], list[Made], list[Problem]]:
    """Check every document below ``folder``: the assets they describe, and all that is wrong."""
    found: list[Found] = []
    made: list[Made] = []
    problems: list[Problem] = []
    for path in files_of(folder):
        documents, broken = documents_of(path)
        problems += broken
        problems += [
            Problem(one, 1, "", f"is not loaded: Dagster does not look below {path}", warning=True)
            for one in unseen_files(path)
            if one not in set(files_of(folder))
        ]
        for document in documents:
            inspected = list(_document(document))
            problems += [one for one in inspected if isinstance(one, Problem)]
            found += [one for one in inspected if isinstance(one, Found)]
            made += [one for one in inspected if isinstance(one, Made)]
    described = {id(one.component): one for one in found}.values()
    assets = [(one.document, one.feed.asset) for one in found]
    problems += _twice([*assets, *((one.document, one.component.asset) for one in made)])
    problems += [
        *_without_readings(made, found),
        *(problem for one in described if (problem := _absent(one))),
    ]
    problems += [problem for one in found if (problem := _no_store(one))]
    return found, made, sorted(problems, key=lambda one: (one.path, one.line))


def whole_lab() -> str | None:
    """Load the lab as Dagster does, all files at once, and say what is wrong."""
    try:
        feeds = load_feeds()
        load_derived(feeds)
        assets = dg.Definitions.merge(*map(feed_definitions, feeds))
        dg.Definitions.merge(assets, automation(feeds), resources()).get_repository_def()
    except Exception as error:
        return _innermost(error)
    return None


def _document(document: Document) -> Iterator[Problem | Found | Made]:
    value = document.value
    if not isinstance(value, Mapping):
        yield document.problem((), f"is no component; write `type: …` and `attributes: …`, not {value!r}")
        return
    try:
        ComponentFileModel.model_validate(value)
    except ValidationError as error:
        for place, text in complaints(error, ComponentFileModel, value):
            yield document.problem(place, text)
        return
    kind = _type(value["type"])
    if isinstance(kind, str):
        yield document.problem(("type",), kind)
    else:
        yield from _component(document, kind, value.get("attributes") or {})


def _type(name: str) -> type[dg.Component] | str:
    """Find the class behind a `type:`, or say what is wrong with the name."""
    known = [f"{components.__name__}.{one}" for one in components.__all__ if one != Feed.__name__]
    module, _, last = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError, ValueError, TypeError):
        return f"no component {name!r}; {suggestion(name, known)}"
    if not (isinstance(found, type) and issubclass(found, dg.Component)):
        return f"{name!r} is no component; {suggestion(name, known)}"
    return found


def _component(
    document: Document, kind: type[dg.Component], given: dict[str, Any]
) -> Iterator[Problem | Found | Made]:
    if kind.get_model_cls() is None:
        return
    try:
        component = kind.from_attributes_dict(attributes=given)
        if isinstance(component, FeedComponent):
            yield from [Found(document, component, feed) for feed in component.feeds()]
        elif isinstance(component, DerivedComponent):
            yield Made(document, component)
    except Exception as error:
        told = list(_told(document, kind, given)) or [document.problem(("attributes",), _innermost(error))]
        yield from told


def _told(document: Document, kind: type[dg.Component], given: dict[str, Any]) -> Iterator[Problem]:
    """All that is wrong with attributes, place by place: first the templates, then the values."""
    resolved: dict[str, Any] = {}
    unknown: set[str | int] = set()
    context = dg.ComponentTree.for_test().load_context.resolution_context
    for name, value in given.items():
        try:
            resolved[name] = context.resolve_value(value)
        except Exception as error:
            resolved[name] = value
            unknown.add(name)
            yield document.problem(("attributes", name), _innermost(error))
    model = kind if issubclass(kind, BaseModel) else kind.get_model_cls()
    if model is None:
        return
    try:
        TypeAdapter(model).validate_python(resolved)
    except ValidationError as error:
        for place, text in complaints(error, model, given):
            if not unknown.intersection(place[:1]):
                yield document.problem(("attributes", *place), text)


def _innermost(error: BaseException) -> str:
    """Take the last line of what caused an error: Dagster puts an excerpt of the file before it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_PYDANTIC_ADVICE)]
    return lines[-1].rpartition("Exception: ")[2] if lines else type(error).__name__


def _twice(described: Iterable[tuple[Document, str]]) -> Iterator[Problem]:
    first: dict[str, Problem] = {}
    for document, asset in described:
        here = document.problem(("attributes", "asset"), "")
        before = first.setdefault(asset, here)
        if before is not here:
            message = f"{asset} is described already in {before.place}"
            yield document.problem(("attributes", "asset"), message)


def _without_readings(made: Iterable[Made], found: Iterable[Found]) -> Iterator[Problem]:
    feeds = [one.feed for one in found]
    for one in made:
        try:
            check_readings(one.component, feeds)
        except ValueError as error:
            yield one.document.problem(("attributes", "readings"), str(error))


def _absent(one: Found) -> Problem | None:
    """Warn of a folder or file that is not there yet."""
    absent = one.component.absent if isinstance(one.component, AssetComponent) else None
    return one.document.problem(("attributes", absent[0]), absent[1], warning=True) if absent else None


def _no_store(one: Found) -> Problem | None:
    """Warn of a store that is not set, or not as it should be, on this machine."""
    try:
        open_any(one.feed.store_key).close()
    except ValueError as error:
        return one.document.problem(("attributes", "store"), str(error), warning=True)
    return None
