"""Which entries of the revocation feed end a token that a verifier has cached."""

import json
from collections.abc import Sequence
from typing import TypeAlias

from authority_queries.records import Revocation, RevocationCategory, VerifiedToken

FeedKey: TypeAlias = tuple[RevocationCategory | str, str]


def feed_keys(token: VerifiedToken) -> frozenset[FeedKey]:
    """Return the category and the target of every entry that can end the token.

    A cache that finds its tokens by these keys compares an entry with few of them.
    """
    own: dict[RevocationCategory, object] = {
        "token": token.id,
        "authorization": token.authorization_id,
        "session": token.sid,
        "client": token.client_id,
        "tenant": token.tenant_id,
    }
    keys: set[FeedKey] = {
        (category, str(target))
        for category, target in own.items()
        if target is not None
    }
    keys |= {
        ("subject", str(sub))
        for sub in (token.subject_id, token.account_id)
        if sub is not None
    }
    if token.is_foreign:
        keys.add(("foreign_tokens", str(token.tenant_id)))
    for name in token.depends_on or ():
        if name is not None:
            category, _, target = name.partition(":")
            keys.add((category, target))
    return frozenset(keys)


def is_ended(token: VerifiedToken, entry: Revocation) -> bool:
    """Return whether an entry ends a token that was verified before the entry was read.

    Only for a cached answer of `verify_token`, in the tenant of the entry. The time of
    the entry is ignored, because an entry that is read later ends what was verified
    before. So an entry may end a token that has come alive again, or was issued while
    the entry was published: verify such a token anew.
    """
    if token.tenant_id != entry.tenant_id:
        return False
    if (entry.category, entry.target) not in feed_keys(token):
        return False
    if entry.scopes is None or token.depends_on is not None:
        return True
    return not (
        set(token.scopes) <= set(entry.scopes)
        and set(token.resources) <= set(entry.resources or ())
        and _texts(token.authorization_details) <= _texts(entry.authorization_details)
    )


def _texts(details: Sequence[object] | None) -> set[str]:
    """Return the details as text, in which 1 and true are not equal."""
    return {json.dumps(detail, sort_keys=True) for detail in details or ()}
