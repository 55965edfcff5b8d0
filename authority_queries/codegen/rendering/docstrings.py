"""Docstrings of generated code."""

import textwrap
from collections.abc import Sequence
from typing import Final

_WIDTH: Final = 84


def docstring(*paragraphs: str, indent: str = "    ") -> str:
    """Write a docstring. What does not fit is wrapped, what does stays as it is."""
    kept = [paragraph for paragraph in paragraphs if paragraph.strip()]
    lines = [_fit(paragraph, is_first=not i) for i, paragraph in enumerate(kept)]
    text = "\n\n".join(lines)
    prefix = ""
    if '"""' in text or text.endswith('"'):
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    elif "\\" in text:
        prefix = "r"
    end = "\n" if "\n" in text else ""
    return textwrap.indent(f'{prefix}"""{text}{end}"""', indent)


def paragraphs_of(prose: str) -> Sequence[str]:
    """Split a comment's prose at its empty lines."""
    return [part.strip("\n") for part in prose.split("\n\n")]


def _fit(paragraph: str, *, is_first: bool) -> str:
    # Room for the quotes, and for the r before them.
    quotes = "    " if is_first else ""
    lines = (quotes + paragraph.rstrip()).split("\n")
    if all(len(line) <= _WIDTH for line in lines):
        return paragraph.rstrip()
    return textwrap.fill(
        paragraph,
        _WIDTH,
        initial_indent=quotes,
        break_long_words=False,
        break_on_hyphens=False,
    ).removeprefix(quotes)
