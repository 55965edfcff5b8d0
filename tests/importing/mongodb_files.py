"""Writes documents as mongodump and mongoexport do."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import bson
from bson import json_util
from bson.binary import UuidRepresentation
from bson.json_util import JSONMode, JSONOptions

Documents: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]

MODES: Final = {
    "canonical": JSONMode.CANONICAL,
    "relaxed": JSONMode.RELAXED,
    "legacy": JSONMode.LEGACY,
}
# What is before, between and after documents, and the indent of each.
LAYOUTS: Final[dict[str, tuple[str, str, str, int | None]]] = {
    "lines": ("", "\n", "\n", None),
    "array": ("[", ",", "]\n", None),
    "pretty": ("\ufeff[\n", ",\n", "]\n", 2),
}


def write_dump(folder: Path, documents: Documents, *, compressed: bool = False) -> None:
    """Write a database as `mongodump --out`, with `--gzip` if it is compressed."""
    compress = gzip.compress if compressed else bytes
    ending = ".gz" if compressed else ""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in documents.items():
        data = b"".join(bson.encode(one) for one in found)
        metadata = json.dumps({"collectionName": name, "indexes": []}).encode()
        file = name.replace("/", "%2F")
        (folder / f"{file}.bson{ending}").write_bytes(compress(data))
        (folder / f"{file}.metadata.json{ending}").write_bytes(compress(metadata))


def write_export(
    folder: Path, documents: Documents, *, mode: str = "relaxed", layout: str = "lines"
) -> None:
    """Write the collections as `mongoexport`, in this mode of Extended JSON."""
    options = JSONOptions(
        json_mode=MODES[mode], uuid_representation=UuidRepresentation.UNSPECIFIED
    )
    before, between, after, indent = LAYOUTS[layout]
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in documents.items():
        lines = [
            json_util.dumps(one, json_options=options, indent=indent) for one in found
        ]
        (folder / f"{name}.json").write_text(before + between.join(lines) + after)
