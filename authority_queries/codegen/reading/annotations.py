"""The comment directly under a query's name: its documentation and its tags.

A comment line whose first word begins with `@` is a tag. Another `@` is prose.

    -- name: list_seats(tenant_id, license_id)
    -- One seat of the licence, the newest first.
    -- @row Seat
    -- @nullable released_at
    -- @notnull holder -- the join is on a foreign key that is never null;
    --   see license_seats_holder_fk
    -- @param license_id notnull -- the licence that get_by_key returns
    -- @type attributes: my_service.seats:Attributes
    -- @plan seqscan license_seats -- a hundred rows at most
    -- @role support_desk
    -- @as list_all_seats -- the function selects from the same view
    -- @when outcome = issued, renewed -- seat_id, expires_at

A tag is one line. Its text after ` -- ` continues in the next comment lines that are
indented by two more spaces.

`@row Name`                 the class of a row, in CapWords; with `*!` and `@copy` that
                            of a row that goes in
`@nullable column`          can be null, whatever PostgreSQL proves
`@notnull column -- reason` is never null, although PostgreSQL does not prove it
`@param name [nullable|notnull] [-- text]`
                            of a parameter: at least one of both
`@type name: module:Type`   the Python type of a column or a parameter; of an array the
                            type of its elements
`@plan permitted -- reason` what the check of plans permits, in its words
`@role name`                the role that executes it, where that is not the role of
                            all queries: its name in PostgreSQL, without quotes
`@as query -- reason`       its columns are those of another query of the file: as to
                            types and nulls, which PostgreSQL cannot prove of it
`@when column = value, … -- columns`
                            where the column has one of these values, these columns are
                            never null: the row has a class of its own
`@copy`                     the statement is `copy … from stdin`

Only PostgreSQL knows the columns: they are not checked here.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from aiosql.types import SQLOperationType

from authority_queries.codegen.errors import Faults, GenerationError
from authority_queries.codegen.query import (
    Case,
    ParameterTag,
    PlanException,
    PythonName,
    Tags,
)
from authority_queries.codegen.reading.source import Block, Source, Token
from authority_queries.codegen.reading.tag_line import (
    TagLine,
    comment_text,
    is_tag,
    parse,
)

_WITHOUT_ROWS: Final = {
    SQLOperationType.INSERT_UPDATE_DELETE: "!",
    SQLOperationType.SELECT_VALUE: "$",
    SQLOperationType.SCRIPT: "#",
}
_WITH_ROWS: Final = frozenset(
    {
        SQLOperationType.SELECT,
        SQLOperationType.SELECT_ONE,
        SQLOperationType.INSERT_RETURNING,
    }
)
_BULK: Final = frozenset(
    {
        SQLOperationType.INSERT_UPDATE_DELETE,
        SQLOperationType.INSERT_UPDATE_DELETE_MANY,
    }
)
# Tags of one topic exclude each other. A query has each tag of _ONCE once, and the
# others once for each column, parameter or exception.
_TOPICS: Final = {"nullable": "null", "notnull": "null"}
_ONCE: Final = frozenset({"row", "role", "as", "copy"})


def read_comment(
    block: Block, operation: SQLOperationType, parameters: Sequence[str]
) -> tuple[str, Tags]:
    """Return the documentation without tags, and the tags.

    Raises GenerationError for a tag that is unknown or malformed, that contradicts
    another tag or the query's operation or parameters, or that is at a wrong place.
    """
    faults = Faults()
    faults.add(*_strays(block))
    doc, tags = _parted(block, faults)
    copy = any(tag.keyword == "copy" for tag in tags)
    faults.add(*_contradictions(block, tags))
    for tag in tags:
        if fault := _fault(tag, operation, parameters, copy=copy):
            faults.add(block.source.refuse(tag.start, fault))
    faults.refuse()
    return "\n".join(doc).strip("\n"), _collected(block.source, tags)


def _strays(block: Block) -> Iterator[GenerationError]:
    for line in block.body:
        if line.kind == "SQL_COMMENT" and is_tag(line):
            message = "a tag belongs in the comment lines directly under the name"
            yield block.source.refuse(line.start, message)
    for line in block.comments:
        if comment_text(line).startswith("record_class:"):
            message = "aiosql's record_class has no effect here: write @row Name"
            yield block.source.refuse(line.start, message)


def _parted(block: Block, faults: Faults) -> tuple[list[str], list[TagLine]]:
    doc: list[str] = []
    tags: list[TagLine] = []
    lines = list(block.comments)
    while lines:
        line = lines.pop(0)
        if not is_tag(line):
            doc.append(comment_text(line))
            continue
        continued = []
        while lines and _continues(lines[0]):
            continued.append(lines.pop(0))
        with faults.collected():
            tags.append(parse(block.source, line, continued))
    return doc, tags


def _continues(line: Token) -> bool:
    return line.text.startswith("--   ") and not is_tag(line)


def _contradictions(block: Block, tags: Sequence[TagLine]) -> Iterator[GenerationError]:
    seen: dict[tuple[str, str], TagLine] = {}
    for tag in tags:
        keyword, subject = _key(tag)
        first = seen.setdefault((_TOPICS.get(keyword, keyword), subject), tag)
        if first is not tag:
            said = f"@{first.keyword} {first.subject}".rstrip()
            line = block.source.line(first.start)
            message = f"line {line} has {said} already: keep one of them"
            yield block.source.refuse(tag.start, message)


def _fault(
    tag: TagLine,
    operation: SQLOperationType,
    parameters: Sequence[str],
    *,
    copy: bool,
) -> str | None:
    match tag.keyword:
        case "param" if tag.subject not in parameters and not copy:
            return f"the query declares no parameter `{tag.subject}`"
        case "row" if operation in _WITHOUT_ROWS and not copy:
            return f"`{_WITHOUT_ROWS[operation]}` returns no rows: remove @row"
        case "as" | "when" if operation not in _WITH_ROWS:
            return f"@{tag.keyword} is for a query that returns rows: remove it"
        case "copy" if operation not in _BULK:
            return "@copy is for a query with `!` or `*!`"
    return None


def _key(tag: TagLine) -> tuple[str, str]:
    subject = _case(tag).subject if tag.keyword == "when" else tag.subject
    return tag.keyword, "" if tag.keyword in _ONCE else subject


def _collected(source: Source, tags: Sequence[TagLine]) -> Tags:
    def of(keyword: str) -> list[TagLine]:
        return [tag for tag in tags if tag.keyword == keyword]

    return Tags(
        row=next((tag.subject for tag in of("row")), None),
        nullable=frozenset(tag.subject for tag in of("nullable")),
        notnull={tag.subject: tag.text for tag in of("notnull")},
        params={tag.subject: _parameter_tag(tag) for tag in of("param")},
        types={tag.subject: _python_name(tag) for tag in of("type")},
        plans=tuple(
            PlanException(permitted=tag.subject, reason=tag.text) for tag in of("plan")
        ),
        role=next((tag.subject for tag in of("role")), None),
        rows_of=next((tag.subject for tag in of("as")), None),
        cases=tuple(_case(tag) for tag in of("when")),
        copy=bool(of("copy")),
        positions={_key(tag): source.position(tag.start) for tag in tags},
    )


def _parameter_tag(tag: TagLine) -> ParameterTag:
    _, word = tag.words
    return ParameterTag(
        nullable={"nullable": True, "notnull": False}.get(word), text=tag.text
    )


def _case(tag: TagLine) -> Case:
    column, _, values = tag.subject.partition("=")
    return Case(
        column=column.strip(), values=_listed(values), notnull=_listed(tag.text)
    )


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(","))


def _python_name(tag: TagLine) -> PythonName:
    _, module, name = tag.words
    return PythonName(module=module, name=name)
