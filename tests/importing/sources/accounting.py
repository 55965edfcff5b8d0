"""Whether each field of a document was imported, kept or dropped with a reason."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, SecretStr

from authority_queries.importing.documents import Document, Source
from authority_queries.importing.sources import SourceOptions, open_source

T = TypeVar("T")


def opened(kind: str, location: Path | str, **options: object) -> Source:
    """Open a source as the command does."""
    given = {"location": SecretStr(str(location)), **options}
    return open_source(kind, SourceOptions(**given))  # type: ignore[arg-type]


def documents(source: Source) -> dict[str, list[Document]]:
    """Read a source to its end."""
    return {each.name: [*source.read(each.name)] for each in source.collections()}


def write_json(path: Path, value: JsonValue) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(value))
    return path


def write_lines(path: Path, *values: JsonValue) -> Path:
    """Write JSON lines."""
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values))
    return path


def leaves(value: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield each value inside, with the names on its way. Empty values have none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif value not in (None, ""):
        yield path, value


def unaccounted(
    sample: Mapping[str, JsonValue], converted: Document, *changed: str
) -> set[str]:
    """Return the fields that are neither in an entry nor dropped.

    `changed` are fields that become another value, such as a hash.
    """
    assert converted.refused is None, converted.refused
    kept = json.dumps([entry.model_dump(mode="json") for entry in converted.entries])
    gone = (*changed, *(each.field for each in converted.dropped))
    if "*" in gone:
        return set()
    return {
        path
        for path, value in leaves(dict(sample))
        if json.dumps(value) not in kept
        and not any(path == name or path.startswith(f"{name}.") for name in gone)
    }


def by_id(found: list[Document], key: str) -> Document:
    """Return the document with this id."""
    (one,) = (each for each in found if each.id == key)
    return one


def of(document: Document, kind: type[T]) -> list[T]:
    """Return the entries of a kind."""
    return [entry for entry in document.entries if isinstance(entry, kind)]


def reasons(document: Document) -> dict[str, str]:
    """Return why fields were dropped, by their names."""
    return {each.field: each.reason for each in document.dropped}
