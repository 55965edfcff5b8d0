"""The page of a report: one HTML file that a person reads, prints and signs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, TypeAlias

# Text, or a number, which is written with separators and aligned to the right.
Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """A table under a heading.

    - `note`: what a row means, in a sentence or two.
    - `if_empty`: the text that replaces a table without rows.
    - `left_out`: how many rows are not shown.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    if_empty: str = "None."
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """The contents of a page. No value may be a secret.

    - `verdict`: the result in one sentence. `is_good` colors it.
    - `summary`: facts as name and value, such as the source and the time.
    - `statement`: what a signature confirms. Empty: no lines for signatures.
    - `signers`: who signs.
    """

    title: str
    verdict: str
    is_good: bool
    summary: Sequence[tuple[str, Cell]]
    tables: Sequence[ReportTable]
    statement: str = ""
    signers: Sequence[str] = ("Executed by", "Checked by")


def render_page(page: ReportPage) -> str:
    """Return one HTML document without scripts and external resources.

    All texts are escaped. Characters that have no glyph are written as escapes, so
    that an id cannot reorder or hide what stands beside it.
    """
    return "".join(_pieces(page))


def _pieces(page: ReportPage) -> Iterator[str]:
    title = _text(page.title)
    yield _HEAD.replace("{title}", title)
    yield f"<h1>{title}</h1>\n"
    mood = "good" if page.is_good else "bad"
    yield f'<p class="verdict {mood}">{_text(page.verdict)}</p>\n'
    yield "<dl>\n"
    for name, value in page.summary:
        yield f"<div><dt>{_text(name)}</dt><dd>{_cell(value)}</dd></div>\n"
    yield "</dl>\n"
    for table in page.tables:
        yield from _table(table)
    if page.statement:
        yield from _signatures(page)
    yield "</main>\n</body>\n</html>\n"


def _table(table: ReportTable) -> Iterator[str]:
    yield f"<section>\n<h2>{_text(table.title)}</h2>\n"
    if table.note:
        yield f"<p>{_text(table.note)}</p>\n"
    if not table.rows:
        yield f'<p class="empty">{_text(table.if_empty)}</p>\n</section>\n'
        return
    yield "<table>\n<thead><tr>"
    for number, column in enumerate(table.columns):
        yield f'<th scope="col"{_class(table, number)}>{_text(column)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    for row in table.rows:
        cells = (
            f"<td{_class(table, number)}>{_cell(cell)}</td>"
            for number, cell in enumerate(row)
        )
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody>\n</table>\n"
    if table.left_out:
        yield f'<p class="empty">{table.left_out:,} more are not shown.</p>\n'
    yield "</section>\n"


def _class(table: ReportTable, number: int) -> str:
    """Align a column of numbers to the right."""
    cells = [row[number] for row in table.rows]
    are_numbers = all(isinstance(cell, int | float | None) for cell in cells)
    return ' class="number"' if are_numbers else ""


def _signatures(page: ReportPage) -> Iterator[str]:
    yield '<section class="signatures">\n<h2>Signatures</h2>\n'
    yield f"<p>{_text(page.statement)}</p>\n"
    for signer in page.signers:
        yield (
            f'<div class="signature"><p>{_text(signer)}</p>'
            "<span>Name</span><span>Date</span><span>Signature</span></div>\n"
        )
    yield "</section>\n"


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return "" if value is None else f"{value:,}"


def _text(text: str) -> str:
    """Escape for HTML, with visible escapes for what has no glyph."""
    shown = (
        one
        if one.isprintable()
        else one.encode("unicode_escape", "surrogatepass").decode()
        for one in text
    )
    return escape("".join(shown))


_STYLE: Final = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f5f7; color: #1b1f24;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 64rem; margin: 2rem auto; padding: 2.5rem 3rem; background: #fff;
  border: 1px solid #d9dce1; border-radius: 6px; }
h1 { margin: 0 0 1rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.2rem 0 .4rem; font-size: 1.15rem; }
p { margin: .3rem 0 .7rem; max-width: 48rem; }
.verdict { padding: .7rem 1rem; border-left: 5px solid; font-weight: 600;
  max-width: none; }
.good { border-color: #1a7f37; background: #e9f6ec; }
.bad { border-color: #b42318; background: #fdecea; }
.empty { color: #57606a; }
dl { margin: 1.2rem 0 0; }
dl div { display: flex; gap: 1rem; padding: .2rem 0; border-bottom: 1px solid #eceef1; }
dt { flex: 0 0 14rem; color: #57606a; }
dd { margin: 0; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e3e5e9; }
th { border-bottom: 2px solid #9aa1ab; }
td, dd { unicode-bidi: isolate; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.signature { display: grid; grid-template-columns: 2fr 1fr 2fr; gap: 0 1.5rem;
  margin-top: 1.4rem; break-inside: avoid; }
.signature p { grid-column: 1 / -1; margin-bottom: 2.6rem; font-weight: 600; }
.signature span { padding-top: .2rem; border-top: 1px solid #1b1f24; color: #57606a;
  font-size: .85rem; }
@page { size: A4; margin: 18mm 16mm; }
@media print {
  body { background: none; font-size: 10pt; }
  main { max-width: none; margin: 0; padding: 0; border: 0; }
  thead { display: table-header-group; }
  tr, .verdict { break-inside: avoid; }
  h2 { break-after: avoid; }
  .signatures { break-inside: avoid; }
  .good, .bad { print-color-adjust: exact; }
}
"""
_HEAD: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{{title}}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
"""
