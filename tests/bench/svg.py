# SPDX-License-Identifier: Apache-2.0
"""Pictures without a library: bars and curves below each other.

Bars have a logarithmic scale, since what is compared differs by a hundred
times; each says its figure.  Colours are readable on light and dark pages.
"""
from __future__ import annotations

import math
from html import escape

from paired import figure
from report import Bars, Curve

WIDTH, LEFT, RIGHT, ROW, PLOT = 760, 170, 90, 22, 220
COLORS = ("#2f81f7", "#d29922", "#3fb950", "#a371f7", "#f85149", "#8b949e")
GREY = "#8b949e"


def draw(pictures: list[Bars | Curve], caption: str) -> str:
    """The whole document."""
    parts, top = [], 10
    for picture in pictures:
        text, height = (_bars if isinstance(picture, Bars) else _curve)(
            picture)
        parts.append(f'<g transform="translate(0,{top})">{text}</g>')
        top += height + 20
    parts.append(_text(10, top + 4, caption, size=10))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{top + 16}" viewBox="0 0 {WIDTH} {top + 16}" '
            'font-family="sans-serif">\n' + "\n".join(parts) + "\n</svg>\n")


def _text(x: float, y: float, text: str, size: int = 12, anchor: str =
          "start", color: str = GREY, weight: str = "normal") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{color}" font-weight="{weight}">'
            f'{escape(text)}</text>')


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{GREY}" stroke-opacity="0.4"/>')


def _bars(picture: Bars) -> tuple[str, int]:
    values = [value for _, value in picture.values if value > 0]
    low = math.log10(min(values) / 3)
    high = max(math.log10(max(values)), low + 1)
    parts = [_text(10, 14, picture.title, size=14, weight="bold")]
    for row, (name, value) in enumerate(picture.values):
        y = 28 + row * ROW
        share = (math.log10(value) - low) / (high - low) if value > 0 else 0
        length = max(share, 0.01) * (WIDTH - LEFT - RIGHT)
        color = COLORS[0] if name.startswith("muster") else GREY
        parts += [
            _text(LEFT - 8, y + 14, name, anchor="end"),
            f'<rect x="{LEFT}" y="{y + 3}" width="{length:.1f}" '
            f'height="{ROW - 7}" fill="{color}"/>',
            _text(LEFT + length + 6, y + 14,
                  f"{figure(value)} {picture.unit}")]
    return "".join(parts), 28 + len(picture.values) * ROW


def _curve(picture: Curve) -> tuple[str, int]:
    points = [point for line in picture.lines.values() for point in line]
    most_x, most_y = (max(p[i] for p in points) for i in (0, 1))
    bottom, right = 30 + PLOT, WIDTH - RIGHT

    def place(x: float, y: float) -> tuple[float, float]:
        return (LEFT / 2 + x / most_x * (right - LEFT / 2),
                bottom - y / most_y * PLOT)

    parts = [_text(10, 14, picture.title, size=14, weight="bold"),
             _line(*place(0, 0), *place(most_x, 0)),
             _line(*place(0, 0), *place(0, most_y)),
             _text(right, bottom + 30, picture.x, anchor="end", size=11),
             _text(LEFT / 2 - 8, bottom - PLOT + 4, figure(most_y),
                   anchor="end", size=11),
             _text(LEFT / 2 - 8, bottom - PLOT + 18, picture.y,
                   anchor="end", size=11)]
    for x in sorted({point[0] for point in points}):
        parts.append(_text(place(x, 0)[0], bottom + 16, f"{x:g}",
                           anchor="middle", size=11))
    ends: list[float] = []
    for number, (name, line) in enumerate(picture.lines.items()):
        color = COLORS[number % len(COLORS)]
        path = " ".join("%.1f,%.1f" % place(*point) for point in line)
        x, y = place(*line[-1])
        while any(abs(y - other) < 13 for other in ends):
            y -= 13
        ends.append(y)
        parts += [f'<polyline points="{path}" fill="none" '
                  f'stroke="{color}" stroke-width="2"/>',
                  _text(x + 6, y + 4, name, color=color)]
    return "".join(parts), bottom + 36
