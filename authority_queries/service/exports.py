"""The lines of an export."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from authority_queries.engine.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedLine:
    """One row without secrets: the name of its table, and its columns as JSON."""

    table: str
    row: JsonObject

    @classmethod
    def of(cls, table: str, row: JsonValue) -> "ExportedLine":
        """Make a line of a row that the database returned as an object."""
        return cls(table=table, row=row if isinstance(row, Mapping) else {})

    def to_json(self) -> str:
        """Return the line as a JSON text without line breaks."""
        return json.dumps({"table": self.table, "row": self.row}, ensure_ascii=False)
