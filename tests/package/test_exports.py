"""The package exports the types of what its own exports take and return."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final, get_args, get_origin, get_type_hints

import pytest

import authority_queries
from authority_queries.repositories import _async, _sync

pytestmark = pytest.mark.one_version

PACKAGE: Final = "authority_queries"
# Pages name these modules.
NAMED: Final = {
    f"{PACKAGE}.records",
    f"{PACKAGE}.errors",
    f"{PACKAGE}.importing.documents",
}


def classes_of(hint: object) -> Iterator[type]:
    """Yield the classes that a type consists of."""
    parts = hint if isinstance(hint, list) else [get_origin(hint), *get_args(hint)]
    if isinstance(hint, type):
        yield hint
    for part in parts:
        if part is not None:
            yield from classes_of(part)


def methods_of(owner: type) -> Iterator[Callable[..., Any]]:
    """Yield the public functions of a class that this package defines."""
    for name, member in inspect.getmembers(owner):
        found: Any = member.fget if isinstance(member, property) else member
        function: Any = inspect.unwrap(getattr(found, "__func__", found))
        is_public = inspect.isfunction(function) and not name.startswith("_")
        if is_public and function.__module__.startswith(PACKAGE):
            yield function


def repositories() -> Iterator[type]:
    for form in (_async, _sync):
        for found in pkgutil.iter_modules(form.__path__, f"{form.__name__}."):
            if not found.name.endswith(".importing"):  # inside only
                module = import_module(found.name)
                members = inspect.getmembers(module, inspect.isclass)
                yield from (one for _, one in members if one.__module__ == found.name)


def test_each_type_of_a_public_call_is_exported() -> None:
    exported = {getattr(authority_queries, name) for name in authority_queries.__all__}
    owners = {one for one in exported if isinstance(one, type)} | {*repositories()}
    functions: set[Callable[..., Any]]
    functions = {one for one in exported if inspect.isfunction(one)}
    functions |= {method for owner in owners for method in methods_of(owner)}
    assert len(functions) > 500
    hidden = {
        f"{function.__qualname__}: {one.__qualname__}"
        for function in functions
        for one in classes_of([*get_type_hints(function).values()])
        if one.__module__.startswith(PACKAGE)
        and one.__module__ not in NAMED
        and one not in exported
    }
    assert hidden == set()
