"""What the generator refuses."""

from dataclasses import dataclass

from authority_queries.errors import AuthorityError


class GenerationError(AuthorityError):
    """A query file, an annotation or a setting that the generator cannot use.

    The message names file and line, what is wrong, and what would be right.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command has to say: on stdout, and what is wrong, if anything."""

    text: str
    fault: str | None = None
