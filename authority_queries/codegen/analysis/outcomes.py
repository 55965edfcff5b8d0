"""What a condition can have come to."""

from enum import StrEnum
from typing import Final, TypeAlias


class Outcome(StrEnum):
    """One of the three truth values of SQL."""

    TRUE = "true"
    FALSE = "false"
    NULL = "null"


TRUE: Final = frozenset({Outcome.TRUE})
FALSE: Final = frozenset({Outcome.FALSE})
NOT_TRUE: Final = frozenset({Outcome.FALSE, Outcome.NULL})
NOT_FALSE: Final = frozenset({Outcome.TRUE, Outcome.NULL})
NOT_NULL: Final = TRUE | FALSE
Outcomes: TypeAlias = frozenset[Outcome]
NEGATED: Final = {
    Outcome.TRUE: Outcome.FALSE,
    Outcome.FALSE: Outcome.TRUE,
    Outcome.NULL: Outcome.NULL,
}
