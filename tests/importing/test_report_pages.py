"""The page of a report shows everything, and hides and loads nothing."""

from html.parser import HTMLParser

import pytest

from authority_queries.importing.report_pages import (
    ReportPage,
    ReportTable,
    render_page,
)

pytestmark = pytest.mark.one_version

HOSTILE = "<script>alert('x')</script>"


class Reader(HTMLParser):
    """Collects elements and their attributes, and the texts outside the style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        if data.strip() and self.elements[-1] != "style":
            self.texts.append(data)


def page(cell: str, *, statement: str = "", left_out: int = 0) -> str:
    table = ReportTable(
        title=cell,
        columns=(cell, "documents", "seconds"),
        rows=[(cell, 1234567, 1.25), (cell, None, None)],
        note=cell,
        left_out=left_out,
    )
    nothing = ReportTable(title="Refused", columns=("id",), rows=[])
    return render_page(
        ReportPage(
            title=cell,
            verdict=cell,
            is_good=False,
            summary=[(cell, cell)],
            tables=[table, nothing],
            statement=statement,
        )
    )


def test_every_text_is_escaped() -> None:
    read = Reader(page(HOSTILE, statement=HOSTILE))
    assert "script" not in read.elements
    assert read.texts.count(HOSTILE) == 11


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    html = page("x")
    read = Reader(html)
    assert {"script", "link", "img", "iframe", "a"}.isdisjoint(read.elements)
    assert {"src", "href", "onload", "style"}.isdisjoint(read.attributes)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("a\u202eb", "a\\u202eb"), ("a\x00b", "a\\x00b"), ("a\udc80b", "a\\udc80b")],
)
def test_characters_without_a_glyph_are_visible(cell: str, shown: str) -> None:
    html = page(cell)
    html.encode()
    assert cell not in html
    assert shown in Reader(html).texts


def test_numbers_have_separators_and_empty_tables_a_text() -> None:
    html = page("x", left_out=4321)
    texts = Reader(html).texts
    assert {"1,234,567", "1.2", "None.", "4,321 more are not shown."} <= {*texts}
    assert html.count('<td class="number">') == 4


def test_lines_for_signatures_follow_a_statement() -> None:
    assert "Signatures" not in Reader(page("x")).texts
    signed = Reader(page("x", statement="We confirm."))
    lines = ["Name", "Date", "Signature"]
    assert signed.texts[-8:] == ["Executed by", *lines, "Checked by", *lines]
