"""A value that an object finds when it is first asked for, and keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast, overload

T = TypeVar("T")


class lazily(Generic[T]):  # noqa: N801 - a decorator, as `property`
    """A property that is found once, as `functools.cached_property` is, but that holds up no other object.

    That of Python 3.11 has one lock for all objects of a class, held while a value is found: a server that
    does not answer would hold up all others. Here threads that ask at once may each find it; one value stays.
    """

    def __init__(self, find: Callable[..., T]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, one: None, owner: type) -> lazily[T]: ...
    @overload
    def __get__(self, one: object, owner: type) -> T: ...
    def __get__(self, one: object | None, owner: type) -> object:
        """Find it: what the object keeps is not asked for here again."""
        if one is None:
            return self
        return cast(T, one.__dict__.setdefault(self._name, self._find(one)))
