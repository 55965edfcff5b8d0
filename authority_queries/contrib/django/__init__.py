"""Sign-in, sessions and access tokens of the store for views of Django."""

from authority_queries.contrib.django.backend import AuthorityBackend
from authority_queries.contrib.django.sessions import (
    SessionMiddleware,
    sign_in,
    sign_out,
)
from authority_queries.contrib.django.tokens import token_required
from authority_queries.contrib.django.users import Anonymous, StoreUser

__all__ = [
    "Anonymous",
    "AuthorityBackend",
    "SessionMiddleware",
    "StoreUser",
    "sign_in",
    "sign_out",
    "token_required",
]
