"""Writes docs/entries.schema.json, and the table of kinds in docs/leaving.md."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue

from authority_queries.importing.entries import ENTRY
from authority_queries.importing.entries.end import End
from authority_queries.importing.writing.tables import TABLES, Table

_DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
SCHEMA: Final = _DOCS / "entries.schema.json"
PAGE: Final = _DOCS / "leaving.md"
_KINDS: Final = re.compile(r"(?<=<!-- kinds -->\n\n).*?(?=<!-- end -->)", re.DOTALL)


def schema_text() -> str:
    """Return the JSON Schema of a line."""
    adapters: list[TypeAdapter[Any]] = [ENTRY, TypeAdapter(End)]
    _, schema = TypeAdapter.json_schemas(
        [(number, "validation", each) for number, each in enumerate(adapters)]
    )
    definitions: dict[str, JsonSchemaValue] = schema["$defs"]
    kinds = {}
    for name, definition in definitions.items():
        kind = definition.get("properties", {}).get("kind", {}).get("const")
        for each in definition.get("properties", {}).values():
            each.pop("title", None)
        if kind is not None:
            kinds[kind] = name
            _complete(definition, has_tenant=kind != "end")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of `authority export entries`",
        "oneOf": [{"$ref": f"#/$defs/{kinds[kind]}"} for kind in (*TABLES, "end")],
        "$defs": definitions,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _complete(definition: JsonSchemaValue, *, has_tenant: bool) -> None:
    """Require the kind, which a model has as its default, and the tenant's code."""
    required = ["kind", *definition.get("required", [])]
    if has_tenant:
        code = {"type": "string"}
        definition["properties"] = {"tenant": code, **definition["properties"]}
        required.insert(0, "tenant")
    definition["required"] = required


def kinds_text() -> str:
    """Return the table of kinds."""
    head = ("| Kind | Rows of | Required fields | Other fields |", "|---|---|---|---|")
    return "\n".join((*head, *(_row(table) for table in TABLES.values())))


def _row(table: Table) -> str:
    fields = {
        name: each for name, each in table.entry.model_fields.items() if name != "kind"
    }
    required, others = (
        [
            _name(name, each)
            for name, each in fields.items()
            if each.is_required() is is_so
        ]
        for is_so in (True, False)
    )
    cells = (f"`{table.kind}`", f"`{table.name}`", " ".join(required), " ".join(others))
    return f"| {' | '.join(cells)} |"


def _name(name: str, field: FieldInfo) -> str:
    return f"`{name}`" if field.repr else f"**`{name}`**"


def page_text() -> str:
    """Return the page with the table of kinds."""
    return _KINDS.sub(lambda _: f"{kinds_text()}\n\n", PAGE.read_text(encoding="utf-8"))


def _files() -> Iterator[tuple[Path, str]]:
    yield SCHEMA, schema_text()
    yield PAGE, page_text()


def main() -> int:
    """Write both files."""
    for path, text in _files():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
