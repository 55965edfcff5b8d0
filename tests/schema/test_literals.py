"""A literal has the same meaning in every session that reads it."""

from collections.abc import Iterator

from authority_queries.codegen.reading.source import scan
from authority_queries.resources import MIGRATIONS, QUERIES

FILES = [
    *QUERIES.glob("*.sql"),
    *MIGRATIONS.glob("*.sql"),
    *MIGRATIONS.parent.glob("bootstrap.sql"),
]
# yoyo sends a migration's statements one by one, so the setting applies to later ones.
STANDARD = "set local standard_conforming_strings = on;"


def literals(sql: str) -> Iterator[str]:
    """Return all strings of a text, and of the functions' bodies in it."""
    for token in scan(sql):
        if token.kind == "SCONST" and token.text.startswith("$"):
            body = token.text.split("$", 2)[2]
            yield from literals(body[: body.rindex("$", 0, -1)])
        elif token.kind == "SCONST":
            yield token.text


def unclear(sql: str) -> list[str]:
    sql = sql.partition(STANDARD)[0]
    found = [text for text in literals(sql) if "\\" in text]
    return [text for text in found if not text.lower().startswith("e")]


def test_a_backslash_does_not_depend_on_standard_conforming_strings() -> None:
    """A backslash is always an escape in e'…'; classes such as [$] or [.] need none.

    A migration with many backslashes sets the parameter first.
    """
    assert len(FILES) > 40
    found = {path.name: unclear(path.read_text()) for path in FILES}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_the_rule_finds_literals_inside_and_outside_bodies() -> None:
    sql = r"select '\d', e'\d'; do $body$ begin perform 'a\b', $$'c\d'$$; end $body$"
    assert unclear(sql) == [r"'\d'", r"'a\b'", r"'c\d'"]
    assert unclear(f"{STANDARD} {sql}") == []
