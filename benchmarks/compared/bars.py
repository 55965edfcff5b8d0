"""Draws bars as SVG. A chart of bars needs no library."""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

_COLOURS: Final = ("#1f6f8b", "#d98e04", "#9b3d3d")
_OTHER: Final = "#7d8597"
_WIDTH: Final = 860
_LABELS: Final = 300
_ROOM: Final = 70
_ROW: Final = 22
_BAR: Final = 15


class Group(NamedTuple):
    """Bars with a title and a scale of their own: a label and a value each."""

    title: str
    bars: Sequence[tuple[str, float]]


def bars(title: str, groups: Sequence[Group]) -> str:
    """Return an SVG document."""
    drawn: list[str] = [_text(12, 26, title, size=16, weight="bold")]
    top = 44
    for group in groups:
        drawn.append(_text(12, top + 16, group.title, size=13, weight="bold"))
        top += 24
        longest = max(value for _, value in group.bars)
        for number, (label, value) in enumerate(group.bars):
            width = (_WIDTH - _LABELS - _ROOM) * value / longest
            few = len(group.bars) == len(_COLOURS)
            colour = _COLOURS[number] if few or number == 0 else _OTHER
            drawn += [
                _text(_LABELS - 8, top + 12, label, anchor="end"),
                f'<rect x="{_LABELS}" y="{top}" width="{width:.1f}" height="{_BAR}" '
                f'fill="{colour}"/>',
                _text(_LABELS + width + 6, top + 12, f"{value:,.0f}"),
            ]
            top += _ROW
        top += 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" '
        f'width="{_WIDTH}" height="{top}" font-family="sans-serif" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="#20242c">{escape(text)}</text>'
    )
