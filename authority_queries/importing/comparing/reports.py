"""Writes the report of a comparison: JSON for programs, and a page that people sign."""

import json
from pathlib import Path

from authority_queries.importing.comparing.page import comparison_page
from authority_queries.importing.comparing.results import Comparison
from authority_queries.importing.writing.reports import report_places


def write_comparison(place: Path, comparison: Comparison) -> None:
    """Write both files of a report. Neither has a secret."""
    data, page = report_places(place)
    text = json.dumps(comparison.as_json(), ensure_ascii=False, indent=2)
    data.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
    page.write_text(comparison_page(comparison), encoding="utf-8")
