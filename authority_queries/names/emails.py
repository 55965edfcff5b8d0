"""E-mail addresses of RFC 5321, and the characters that are invisible in a text."""

import re
from typing import Final, TypeVar

from authority_queries.errors import InvalidArgumentError

Text = TypeVar("Text", bound=str | None)

_LONGEST: Final = 254
# Dot-atoms before the @ and the labels of a domain after it. Characters beyond ASCII
# are allowed as in RFC 6531. Quoted local parts and address literals are not allowed.
# The check of the column email has the same rule.
_ADDRESS: Final = re.compile(
    r'[^\u0000- "(),.:;<>@[\\\]\u007f]+(\.[^\u0000- "(),.:;<>@[\\\]\u007f]+)*'
    r"@[^\u0000-,./:-@[-`{-\u007f]+(\.[^\u0000-,./:-@[-`{-\u007f]+)*"
)
# Controls, spaces except U+0020, default-ignorable characters, blanks, variation
# selectors, tags, private use and noncharacters. U+200C and U+200D, which Persian and
# Indic scripts need, are allowed after another character. The code points are written
# out, so that no version of Unicode changes them.
_INVISIBLE: Final = re.compile(
    r"[\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5"
    r"\u180b-\u180f\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000"
    r"\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
    r"|^ | \Z|(?:^| )[\u200c\u200d]|^\Z"
)


def check_email(email: Text) -> Text:
    """Return the address unchanged, or None. Raises InvalidArgumentError.

    A line break is refused: it would add a header to a mail.
    """
    if email is None:
        return email
    given: object = email
    if (
        isinstance(given, str)
        and len(given) <= _LONGEST
        and _ADDRESS.fullmatch(given)
        and is_visible(given)
    ):
        return email
    message = (
        f"email must be one address of at most {_LONGEST} characters, such as "
        "ann@example.com, without spaces, quotes and control characters"
    )
    raise InvalidArgumentError(message, argument="email")


def is_visible(text: str) -> bool:
    """Return whether each character is visible and no space begins or ends the text.

    The schema's function authority.is_visible has the same rule.
    """
    return _INVISIBLE.search(text) is None
