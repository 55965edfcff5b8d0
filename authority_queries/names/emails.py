"""E-mail addresses: one address, on one line, as RFC 5321 spells most of them."""

import re
from typing import Final, TypeVar

from authority_queries.errors import InvalidArgumentError
from authority_queries.names.visibility import is_visible

Text = TypeVar("Text", bound=str | None)

_LONGEST: Final = 254
# Dot-atoms, a domain's labels; characters beyond ASCII as RFC 6531 has them. No quoted
# local part and no address literal. The schema's check of the column has the same.
_ADDRESS: Final = re.compile(
    r'[^\u0000- "(),.:;<>@[\\\]\u007f]+(\.[^\u0000- "(),.:;<>@[\\\]\u007f]+)*'
    r"@[^\u0000-,./:-@[-`{-\u007f]+(\.[^\u0000-,./:-@[-`{-\u007f]+)*"
)


def check_email(email: Text) -> Text:
    """Return one address, as it is, or None. Raises InvalidArgumentError.

    A line break would be another header of a mail.
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
