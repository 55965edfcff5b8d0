"""Why aiosql makes other SQL of what was written, as advice for who wrote it."""

from collections.abc import Sequence
from typing import Final

from authority_queries.codegen.reading.source import Token

_SLICE: Final = "of a slice aiosql makes a parameter: write `[1 : 2]`, `[:a : :b]`"
_ATTRIBUTE: Final = "aiosql reads `:a.b` as an attribute: write `(:a).b`"
_APOSTROPHE: Final = (
    "aiosql took an apostrophe in a comment, $$…$$ or E'…' above for the beginning"
    " of a string: write that without it"
)
_STRING: Final = (
    "within $$…$$ and E'…\\'…' aiosql reads :name as a parameter, and it changes"
    " strings of several lines: write a plain string in one line"
)
_NO_PARAMETERS: Final = "scripts and COPY take no parameters: write the value"
_NAME: Final = "a parameter's name is of letters, digits and _: rename it"
_COMMENT: Final = (
    "aiosql takes out /* … */ without leaving a space, does not nest it, and takes out"
    " lines that begin with `--`: write `--` comments"
)


def advice(
    written: Sequence[Token], sent: Sequence[Token], index: int, *, bare: bool
) -> str:
    """Say what to write instead, where the tokens begin to differ.

    Of both only what is no comment, a parameter as one token of the kind PARAM.
    `bare` is a statement that is sent without parameters.
    """
    ours = written[index].kind if index < len(written) else ""
    theirs = sent[index].kind if index < len(sent) else ""
    if {ours, theirs} == {"PARAM", "ASCII_58"} and bare:
        return _NO_PARAMETERS
    match ours, theirs:
        case ("PARAM", "ASCII_58") if _touch(written[: index + 1]):
            reason = _SLICE
        case ("PARAM", "ASCII_58"):
            reason = _APOSTROPHE
        case ("PARAM", "PARAM"):
            reason = _ATTRIBUTE
        case ("ASCII_58", "PARAM") if _names_follow(written[index + 1 :]):
            reason = _NAME
        case ("ASCII_58", _) | (_, "PARAM"):
            reason = _SLICE
        case ("SCONST" | "USCONST", _):
            reason = _STRING
        case _:
            reason = _COMMENT
    return reason


def _names_follow(words: Sequence[Token]) -> bool:
    return bool(words) and words[0].kind != "ICONST"


def _touch(words: Sequence[Token]) -> bool:
    """Tell whether the last two are parameters with nothing between them."""
    if len(words) < 2:  # noqa: PLR2004 -- two are compared
        return False
    first, second = words[-2:]
    return first.kind == "PARAM" and first.end == second.start
