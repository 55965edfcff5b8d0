"""JSON files of other systems, read one value at a time whatever their size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

from pydantic import JsonValue

from authority_queries.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    # Imported here because the package is an extra.
    from ijson.common import ObjectBuilder

_ENDS: Final = frozenset({"end_map", "end_array"})
_STARTS: Final = frozenset({"start_map", "start_array"})
_NO_NAMES: Final[frozenset[str]] = frozenset()


def members(
    path: Path, *, listed: frozenset[str] = _NO_NAMES, wanted: Callable[[str], bool]
) -> Iterator[tuple[int, str, JsonValue]]:
    """Yield the members of an object, or of each object of a list, in a file.

    Each is a number of the object, a name and a value. A list with a name in `listed`
    is not read whole: each of its values is yielded alone. Members with names that are
    not `wanted` are skipped. Raises ConfigurationError, SourceError.
    """
    depth, base, number, name = 0, 1, -1, ""
    building: ObjectBuilder | None = None
    start = 0
    for event, value in _events(path):
        depth -= event in _ENDS
        if building is not None:
            building.event(event, value)
            if depth == start:
                yield number, name, building.value
                building = None
        elif depth < base:
            base = 2 if event == "start_array" and depth == 0 else base
            number += event == "start_map" and depth == base - 1
        elif event == "map_key" and depth == base:
            name = value
        elif _begins(event, depth - base, is_listed=name in listed) and wanted(name):
            if event in _STARTS:
                building, start = _builder(event, value), depth
            else:
                yield number, name, value
        depth += event in _STARTS


def values(path: Path, *, names: frozenset[str]) -> Iterator[JsonValue]:
    """Yield the values of a list, or of a list with one of these names in an object.

    Any other object is yielded itself, and so is each object of JSON lines. Raises
    ConfigurationError, SourceError.
    """
    prefix = _prefix(path, names)
    with _parsing(path) as (parser, file):
        yield from parser.items(file, prefix, use_float=True, multiple_values=True)


def _prefix(path: Path, names: frozenset[str]) -> str:
    """Return the parser's name of the values that `values` yields."""
    depth, name = 0, ""
    for event, value in _events(path):
        depth -= event in _ENDS
        if event == "start_array" and depth == 0:
            return "item"
        if event == "start_array" and depth == 1 and name in names:
            return f"{name}.item"
        if event == "map_key" and depth == 1:
            name = value
        depth += event in _STARTS
        if depth == 0:
            return ""
    return ""


def _begins(event: str, below: int, *, is_listed: bool) -> bool:
    """Return whether an event begins a value that is yielded."""
    if event in _ENDS or event == "map_key":
        return False
    if is_listed and event == "start_array":
        return below == 1
    return below == 0 or (is_listed and below == 1)


def _builder(event: str, value: object) -> "ObjectBuilder":
    # Imported here because the package is an extra.
    from ijson.common import ObjectBuilder  # noqa: PLC0415

    built = ObjectBuilder()
    built.event(event, value)
    return built


def _events(path: Path) -> Iterator[tuple[str, Any]]:
    with _parsing(path) as (parser, file):
        yield from parser.basic_parse(file, use_float=True, multiple_values=True)


@contextmanager
def _parsing(path: Path) -> Iterator[tuple[Any, BinaryIO]]:
    try:
        # Imported here because the package is an extra.
        import ijson  # noqa: PLC0415
    except ImportError:
        message = "JSON files need ijson: install authority-queries[files]"
        raise ConfigurationError(message) from None
    with opened(path) as file:
        try:
            yield ijson, file
        except (ijson.JSONError, UnicodeDecodeError):
            # The parser's message repeats a part of the file.
            refuse_file(path, "is no complete JSON")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file. Raises SourceError, also for errors while it is read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        refuse_file(path, f"cannot be read: {error.strerror}")


def refuse_file(path: Path, reason: str) -> NoReturn:
    """Raise a SourceError that names the file."""
    message = f"{path.name} {reason}"
    raise SourceError(message) from None
