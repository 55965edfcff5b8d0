"""Sources with mappings, from texts."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretStr

from authority_queries.importing.documents import Document, Source
from authority_queries.importing.sources import SourceOptions, open_source

Raw: TypeAlias = Mapping[str, object]


def source_of(
    kind: str,
    location: Path | str,
    mapping: Path | None,
    *,
    tenant: str | None = "acme",
    since: datetime | None = None,
) -> Source:
    """Open a source of this kind with a mapping file."""
    options = SourceOptions(
        location=SecretStr(str(location)), mapping=mapping, tenant=tenant, since=since
    )
    return open_source(kind, options)


def write_lines(folder: Path, collections: Mapping[str, Sequence[Raw]]) -> Path:
    """Write a folder of JSON lines. Values beyond JSON are Extended JSON already."""
    folder.mkdir(exist_ok=True)
    for name, documents in collections.items():
        lines = [json.dumps(document) + "\n" for document in documents]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    return folder


def every_document(source: Source) -> dict[str, list[Document]]:
    """Read everything, by collection, and close the source."""
    with closing(source):
        return {
            collection.name: list(source.read(collection.name))
            for collection in source.collections()
        }
