"""Compares another store with the rows that were imported from it."""

from authority_queries.importing.comparing.checks import (
    KnownPassword,
    KnownToken,
    read_passwords,
    read_tokens,
)
from authority_queries.importing.comparing.comparer import Comparer
from authority_queries.importing.comparing.imports import Imports, read_journals
from authority_queries.importing.comparing.page import comparison_page, verdict
from authority_queries.importing.comparing.reports import write_comparison
from authority_queries.importing.comparing.results import Comparison, Finding
from authority_queries.importing.comparing.run import CompareOptions

__all__ = [
    "CompareOptions",
    "Comparer",
    "Comparison",
    "Finding",
    "Imports",
    "KnownPassword",
    "KnownToken",
    "comparison_page",
    "read_journals",
    "read_passwords",
    "read_tokens",
    "verdict",
    "write_comparison",
]
