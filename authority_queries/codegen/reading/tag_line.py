"""The syntax of a tag: `@keyword head -- text`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from authority_queries.codegen.errors import GenerationError
from authority_queries.codegen.python_names import function_name_fault, name_fault
from authority_queries.codegen.reading.source import Source, Token

_NAMES: Final = re.compile(r"\w+(?:\s*,\s*\w+)*")
_TAG: Final = re.compile(r"--\s*@(\w+)(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagLine:
    """A well-formed tag. `words` are the groups of its pattern."""

    start: int
    keyword: str
    words: tuple[str, ...]
    text: str

    @property
    def subject(self) -> str:
        """The column, parameter, class or exception that the tag is about."""
        return self.words[0] if self.words else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """The syntax of a tag: the pattern of its head, and whether a text must follow."""

    usage: str
    head: re.Pattern[str]
    text: bool | None  # None: optional


_FORMS: Final = {
    "row": _Form(
        usage="@row Name", head=re.compile(r"([A-Z][A-Za-z0-9]*)"), text=False
    ),
    "nullable": _Form(usage="@nullable column", head=re.compile(r"(\w+)"), text=False),
    "notnull": _Form(
        usage="@notnull column -- reason", head=re.compile(r"(\w+)"), text=True
    ),
    "param": _Form(
        usage="@param name [nullable|notnull] [-- text]",
        head=re.compile(r"(\w+)(?:\s+(nullable|notnull))?"),
        text=None,
    ),
    "type": _Form(
        usage="@type name: module:Type",
        head=re.compile(r"(\w+)\s*:\s*([\w.]+):(\w+)"),
        text=False,
    ),
    "plan": _Form(
        usage="@plan permitted -- reason", head=re.compile(r"(\S.*)"), text=True
    ),
    "role": _Form(usage="@role name", head=re.compile(r'([^\s"]+)'), text=False),
    "as": _Form(usage="@as query -- reason", head=re.compile(r"(\w+)"), text=True),
    "when": _Form(
        usage="@when column = value, value -- column, column",
        head=re.compile(r"(\w+\s*=\s*\w+(?:\s*,\s*\w+)*)"),
        text=True,
    ),
    "copy": _Form(usage="@copy", head=re.compile(""), text=False),
}


def is_tag(line: Token, keyword: str | None = None) -> bool:
    """Return whether a comment line's first word begins with `@`, or is `@keyword`."""
    found = _TAG.match(line.text)
    return found is not None and keyword in {None, found[1]}


def comment_text(line: Token) -> str:
    """Return a comment line's text, with further indentation."""
    return line.text.removeprefix("--").removeprefix(" ").rstrip()


def parse(source: Source, line: Token, continued: Sequence[Token]) -> TagLine:
    """Read a tag and the lines that continue its text."""
    found = _TAG.match(line.text)
    keyword, rest = found.groups() if found else ("", "")
    if keyword not in _FORMS:
        message = f"@{keyword} is not a tag; the tags are @{', @'.join(_FORMS)}"
        raise source.refuse(line.start, message)
    form = _FORMS[keyword]
    head, dashes, text = f"{rest} ".partition(" -- ")
    words = form.head.fullmatch(head.strip())
    if words is None:
        raise _malformed(source, line, form)
    lines = [text, *(comment_text(further) for further in continued)]
    tag = TagLine(
        start=line.start,
        keyword=keyword,
        words=words.groups(default=""),
        text=" ".join(line.strip() for line in lines if line.strip()),
    )
    if bool(dashes) != bool(tag.text) or form.text not in {None, bool(dashes)}:
        raise _malformed(source, line, form)
    if fault := _fault_of_words(tag):
        raise source.refuse(line.start, fault)
    return tag


def _malformed(source: Source, line: Token, form: _Form) -> GenerationError:
    return source.refuse(line.start, f"write this tag as `{form.usage}`")


def _fault_of_words(tag: TagLine) -> str | None:
    match tag.keyword, tag.words:
        case "param", (_, "") if not tag.text:
            return "@param has no effect: add nullable, notnull or a text"
        case "row", (name,):
            fault = function_name_fault(name)
            return f"`{name}` {fault}: choose another name" if fault else None
        case "when", _ if not _NAMES.fullmatch(tag.text):
            return "the text of @when must name columns that are never null: a, b"
        case "type", (_, module, name):
            for part in (*module.split("."), name):
                if fault := name_fault(part):
                    return f"`{part}` {fault}: write @type name: module:Type"
    return None
