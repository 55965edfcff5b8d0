"""Rules of usernames and e-mail addresses."""

from authority_queries.names.emails import check_email
from authority_queries.names.usernames import (
    lookup_key,
    prefix_key,
    username_key,
)

__all__ = ["check_email", "lookup_key", "prefix_key", "username_key"]
