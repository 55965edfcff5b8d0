"""Usernames of RFC 8265: which are allowed, and which are equal.

precis-i18n enforces the profile UsernameCaseMapped (section 3.3), and the result is
case-folded, so that straße equals STRASSE. Only this module decides that: it depends on
no locale and no version of a database.
"""

import re
import unicodedata
from bisect import bisect
from functools import cache
from importlib.resources import files
from typing import Final

from precis_i18n import get_profile

from authority_queries.errors import InvalidArgumentError

_LONGEST: Final = 256
_PROFILE: Final = get_profile("UsernameCaseMapped")
_ASCII: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
# The key of no username: keys have no capitals.
_NOBODYS: Final = "INVALID"


def username_key(username: str) -> str:
    """Return the key by which a username is stored, looked up and counted.

    Two usernames are equal when their keys are. A single space may separate words.
    Characters are those of Unicode 14.0, so that each Python allows the same ones and
    no key changes. Raises InvalidArgumentError. The message does not repeat the name.
    """
    key = _key(username)
    if key is None:
        message = (
            f"username must be 1 to {_LONGEST} characters that RFC 8265 allows, "
            "with no more than single spaces inside"
        )
        raise InvalidArgumentError(message, argument="username")
    return key


def lookup_key(username: str) -> str:
    """Return the key of a username that somebody typed to sign in.

    All names that are not allowed share one key, which no user has. They are looked up,
    counted and logged together, as one unknown user.
    """
    return _key(username) or _NOBODYS


def prefix_key(prefix: str) -> str:
    """Return the prefix of the keys of all usernames with this prefix."""
    return _folded(unicodedata.normalize("NFKC", prefix))


def _key(username: object) -> str | None:
    if not isinstance(username, str):
        message = f"username must be a str, not {type(username).__name__}"
        raise InvalidArgumentError(message, argument="username")
    if not username or len(username) > _LONGEST:
        return None
    if _ASCII.fullmatch(username):  # the result of the rest, in a fraction of the time
        return username.lower()
    if not all(map(_is_of_unicode_14, username)):
        return None
    try:
        parts = [_PROFILE.enforce(part) for part in username.split(" ")]
    except UnicodeEncodeError:
        return None
    key = _folded(" ".join(parts))
    return key if len(key) <= _LONGEST else None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _is_of_unicode_14(character: str) -> bool:
    return bisect(_bounds(), ord(character)) % 2 == 1


@cache
def _bounds() -> list[int]:
    lines = (files(__package__) / "unicode_14.txt").read_text("ascii").splitlines()
    words = " ".join(line for line in lines if not line.startswith("#")).split()
    return [int(word, base=16) for word in words]
