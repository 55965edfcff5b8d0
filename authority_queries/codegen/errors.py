"""What the generator refuses."""

from authority_queries.errors import AuthorityError


class GenerationError(AuthorityError):
    """A query file, an annotation or a setting that the generator cannot use.

    The message names file and line, what is wrong, and what would be right.
    """
