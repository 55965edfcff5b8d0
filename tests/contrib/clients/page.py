"""The table of docs/clients.md."""

from itertools import groupby
from typing import Final

from tests.contrib.clients import (  # noqa: F401 -- they add cases
    code_cases,
    fault_cases,
    grant_cases,
    mcp_cases,
    openid_cases,
    registration_cases,
    token_cases,
)
from tests.contrib.clients.cases import CASES
from tests.contrib.clients.drivers import DRIVERS
from tools.cells import ROOT

TABLED: Final = CASES  # with those of the modules above
PAGE: Final = ROOT / "docs" / "clients.md"
BEGIN: Final = "<!-- python -m tests.contrib.clients -->\n\n"
END: Final = "\n<!-- end -->"


def table() -> str:
    """Return the table: a case is a row, and has the result that its test asserts."""
    rows = ["| Flow | Case | Result | Clients |", "|---|---|---|---|"]
    for flow, cases in groupby(TABLED, key=lambda each: each.flow):
        for number, case in enumerate(cases):
            shown = flow if number == 0 else ""
            names = ", ".join(each.name for each in case.libraries)
            clients = "all three" if case.libraries == list(DRIVERS) else names
            result = ", ".join(f"`{word}`" for word in case.expected.split(", "))
            rows.append(f"| {shown} | {case.name} | {result} | {clients} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    """Return the page with the table of the cases."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + table() + END + tail
