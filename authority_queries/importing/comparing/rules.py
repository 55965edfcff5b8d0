"""Rules that explain a difference, and so keep it out of the exit code."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

RuleName: TypeAlias = Literal[
    "time precision",
    "case of names",
    "set by the import",
    "row of the system",
    "another salt",
    "password hashed again",
    "changed here",
    "used here",
    "created here",
    "expired",
    "refused by the import",
    "tokens of the source",
    "unknown user of a log",
]
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)
RULES: Final[Mapping[RuleName, str]] = {
    "time precision": (
        "The times differ by less than a millisecond. MongoDB and JSON keep "
        "milliseconds, PostgreSQL keeps microseconds."
    ),
    "case of names": (
        "The usernames have the same key (RFC 8265), or the e-mail addresses are the "
        "same without regard to case: both sign in the same user."
    ),
    "set by the import": (
        "The source has no value. The import sets one: the time of the import, the "
        "time of creation, the expiry of the newest token of a family, or a sum."
    ),
    "row of the system": (
        "The row here is a role, a permission of a role or a scope that every tenant "
        "has from its creation. The import does not change it."
    ),
    "another salt": (
        "The source has the secret itself. The hash or ciphertext here is another one "
        "of the same secret: it was verified."
    ),
    "password hashed again": (
        "The user has signed in since the import, so the hash is Argon2id now."
    ),
    "changed here": (
        "This authority has changed the row since the import: its updated_at is later, "
        "and its row_version says that it was updated."
    ),
    "used here": (
        "The credential or token was used, revoked or redeemed here since the import."
    ),
    "created here": "The row was created here since the import.",
    "expired": (
        "The row has expired. Sources leave expired tokens out, and `authority prune` "
        "deletes them."
    ),
    "refused by the import": (
        "The import refused the document. Its report has the reason."
    ),
    "tokens of the source": (
        "An operator lets the tenant accept tokens of the source."
    ),
    "unknown user of a log": (
        "The entry of the log names a user who is not here. The log keeps the entry."
    ),
}
