"""docs/import_mappings.md: its example is converted, and its tables are complete."""

import inspect
import re
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from authority_queries.errors import ConfigurationError
from authority_queries.importing.conversions import CONVERSIONS
from authority_queries.importing.entries import ENTRY
from authority_queries.importing.mapping import language
from authority_queries.importing.mapping.compiling import load_mapping
from authority_queries.importing.mapping.targets import (
    ENTRIES,
    open_field,
    targets_of,
)
from tests.importing.mapped import every_document, source_of

pytestmark = pytest.mark.one_version

PAGE: Final = Path(__file__).parents[2] / "docs" / "import_mappings.md"
TEXT: Final = PAGE.read_text()
EVERYWHERE: Final = {"created_at", "updated_at"}


def block(kind: str) -> str:
    """Return the first block of code of this kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table with this first column."""
    _, _, rest = TEXT.partition(f"\n| {heading} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows
    ]


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


def keys_of(section: str) -> set[str]:
    """Return the keys in the first column of the table of a section."""
    _, _, rest = TEXT.partition(f"\n## {section}\n")
    rows = re.findall(r"^\| ([^|]+) \|", rest.partition("\n## ")[0], re.MULTILINE)
    return {
        name.partition(".")[0]
        for row in rows
        for name in re.findall(r"^`([a-z_]+)", row)
    }


def keys(part: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in part.model_fields.items()}


def test_the_example_is_converted(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(block("toml"))
    lines = tmp_path / "people.jsonl"
    lines.write_text(block("json"))
    (document,) = every_document(source_of("json-lines", lines, mapping))["people"]
    expected = [ENTRY.validate_json(line) for line in block("jsonl").splitlines()]
    assert list(document.entries) == expected
    assert [each.field for each in document.dropped] == ["pin"]
    assert document.tenant == "acme"


def test_each_conversion_is_listed() -> None:
    listed = {names(name)[0]: words for name, words in table("Conversion")}
    assert listed == {
        name: " ".join((inspect.getdoc(convert) or "").split())
        for name, convert in CONVERSIONS.items()
    }


def test_each_kind_is_listed_with_its_fields() -> None:
    listed = {
        names(kind)[0]: (names(needs), names(others), names(keeps))
        for kind, needs, others, keeps in table("Kind")
    }
    assert listed == {
        kind: (
            [each.name for each in targets_of(kind).values() if each.is_required],
            [
                each.name
                for each in targets_of(kind).values()
                if not each.is_required and each.name not in EVERYWHERE
            ],
            [name] if (name := open_field(kind)) else [],
        )
        for kind in ENTRIES
    }


def test_each_key_is_listed() -> None:
    assert keys_of("A collection") == keys(language.CollectionRule) - {"entries"}
    assert keys_of("An entry") >= keys(language.EntryRule)
    assert keys_of("Values") == keys(language.ValueRule)
    assert keys_of("Conditions") == keys(language.Condition) - {"from"}
    written = keys(language.MappingFile) - {"collections"}
    assert keys_of("The file") == written


def test_the_message_of_the_page_is_that_of_its_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    users = block("toml").replace("people", "users").replace("email =", "emial =")
    Path("mapping.toml").write_text(users)
    with pytest.raises(ConfigurationError) as error:
        load_mapping(Path("mapping.toml"))
    assert block("text").strip() in str(error.value).splitlines()
