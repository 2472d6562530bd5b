"""Every name of the seed is there, and is called as it was."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import labmon_dagster.clients.ricochetdb as client
from labmon_dagster_tests.clients.ricochetdb.seed import CLASSES, FUNCTIONS, Way

_METHODS = [(name, method) for name, one in CLASSES.items() for method in one.methods]
_HEAVY = ("aiohttp", "pymodbus", "pandas", "pyarrow", "pymongo", "dagster")


def _documented(parameters: str) -> list[inspect.Parameter]:
    scope: dict[str, Any] = {}
    exec(f"from __future__ import annotations\ndef told{parameters}: ...", scope)
    return list(inspect.signature(scope["told"]).parameters.values())


def _fits(ours: inspect.Parameter, told: inspect.Parameter) -> bool:
    same = (ours.name, ours.kind, ours.default) == (told.name, told.kind, told.default)
    if told.annotation is inspect.Parameter.empty:
        return same
    return same and str(ours.annotation).split("[")[0] == told.annotation


def _check(called: Callable[..., Any], parameters: str, bound: bool) -> None:
    ours = list(inspect.signature(called).parameters.values())[int(bound) :]
    told = _documented(parameters)
    assert len(ours) == len(told), (ours, told)
    assert all(map(_fits, ours, told)), (ours, told)


def _way(cls: type, name: str) -> Way:
    found = inspect.getattr_static(cls, name)
    if isinstance(found, classmethod):
        return Way.CLASS
    if isinstance(found, staticmethod):
        return Way.ASYNC_STATIC if inspect.iscoroutinefunction(found.__func__) else Way.STATIC
    return Way.ABSTRACT if getattr(found, "__isabstractmethod__", False) else Way.METHOD


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_its_base_and_is_made_as_it_was(name: str) -> None:
    cls = getattr(client, name)
    assert [base.__name__ for base in cls.__bases__] == [CLASSES[name].base]
    _check(cls, CLASSES[name].constructor, bound=False)


@pytest.mark.parametrize(("name", "method"), _METHODS, ids=[f"{one}.{other}" for one, other in _METHODS])
def test_a_method_is_called_as_it_was(name: str, method: str) -> None:
    cls, told = getattr(client, name), CLASSES[name].methods[method]
    assert _way(cls, method) is told.way
    bound = told.way in {Way.METHOD, Way.ABSTRACT}
    _check(getattr(cls, method), told.parameters, bound)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_called_as_it_was(name: str) -> None:
    _check(getattr(client, name), FUNCTIONS[name], bound=False)


def test_the_handler_of_the_database_is_of_its_class() -> None:
    assert "handler" in vars(client.Database)


def test_all_names_are_exported() -> None:
    assert {*CLASSES, *FUNCTIONS} <= set(client.__all__)
    for name in client.__all__:
        assert getattr(client, name).__name__ == name


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = client.nothing_of_this_name


def test_the_module_is_imported_without_what_is_not_asked_for() -> None:
    code = f"import sys, labmon_dagster.clients.ricochetdb; print([m for m in {_HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
