"""Writes the table of docs/clients.md: `python -m tests.contrib.clients`."""

from tests.contrib.clients.page import PAGE, with_table

if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
