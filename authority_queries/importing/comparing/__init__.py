"""Compares another store with the rows that were imported from it."""

from authority_queries.importing.comparing.checks import (
    KnownPassword,
    KnownToken,
    read_passwords,
    read_tokens,
)
from authority_queries.importing.comparing.comparer import Comparer
from authority_queries.importing.comparing.page import comparison_page, verdict
from authority_queries.importing.comparing.results import Comparison, Finding
from authority_queries.importing.comparing.run import CompareOptions

__all__ = [
    "CompareOptions",
    "Comparer",
    "Comparison",
    "Finding",
    "KnownPassword",
    "KnownToken",
    "comparison_page",
    "read_passwords",
    "read_tokens",
    "verdict",
]
