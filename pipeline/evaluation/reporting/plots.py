"""Curves as SVG for an HTML page, with text as text and the page's colours; the same numbers give the same bytes.

They contain no user text: the page names the series next to their swatches.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from claimhound.pipeline.evaluation.reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve: TypeAlias = Sequence[tuple[int, float]]
"""Points (k, value), by k."""

N_COLOURS = 6
"""The page defines this many colours, `--series-0`, `--series-1` and so on, and `--ink` and `--line`."""

# On a phone 360 px wide the plot is 320 px wide, and text of 12 points is 10 px high.
_INCHES = (5.3, 3.5)
_FONT_SIZE = 12
_LINE_WIDTH = 2.0
_MARKER_SIZE = 6.5
# matplotlib accepts only its own colours; these are replaced by the page's variables at the end.
_INK, _LINE = "#fe0100", "#fe0200"
_DASHES: tuple[tuple[float, ...], ...] = ((), (6, 2), (6, 2, 1.5, 2), (1.5, 1.5))
# Each marker by its matplotlib name, and as a path around 0 for a swatch.
_MARKERS = {
    "o": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "s": "M-3.2-3.2h6.4v6.4h-6.4z",
    "^": "M0-4L3.7 3H-3.7z",
    "D": "M0-4.4L4.4 0L0 4.4L-4.4 0z",
    "v": "M0 4L3.7-3H-3.7z",
}


class _Look(NamedTuple):
    """How a series is drawn: sixty series all look different, and none by colour alone."""

    colour: int
    dashes: tuple[float, ...]
    marker: str


def _look(number: int) -> _Look:
    return _Look(number % N_COLOURS, _DASHES[number % len(_DASHES)], list(_MARKERS)[number % len(_MARKERS)])


def swatch_svg(number: int) -> str:
    """Return a small picture of a series' line for a legend, series counted from 0; screen readers skip it."""
    look = _look(number)
    dashes = " ".join(f"{_LINE_WIDTH * length:g}" for length in look.dashes)
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<svg class="swatch" viewBox="0 0 40 12" aria-hidden="true" style="color: var(--series-{look.colour})">'
        f'<path d="M1 6H39" stroke="currentColor" stroke-width="{_LINE_WIDTH:g}"{dash}/>'
        f'<path d="{_MARKERS[look.marker]}" transform="translate(20 6)" fill="currentColor"/></svg>'
    )


def recall_svg(curves: Mapping[str, Curve], name: str) -> str:
    """Plot recall against k on a logarithmic scale, a line for each curve, coloured in their order.

    `name` must be unique among the plots on the page. A curve ends at its last point.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    ks = sorted({k for curve in curves.values() for k, _ in curve})
    highest = max((value for curve in curves.values() for _, value in curve), default=1.0)

    def draw(axes: Axes) -> None:
        for number, curve in enumerate(curves.values()):
            axes.plot(*zip(*curve, strict=True), **_line(_look(number)))
        axes.set_xscale("log")
        axes.set_xlim(0.9, max(2.0, 1.15 * ks[-1]))
        axes.set_ylim(0, min(1.03, 1.08 * max(highest, 0.05)))
        axes.xaxis.set_major_locator(FixedLocator([tick for tick in _LOG_TICKS if tick <= ks[-1]]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value, 2):g}"))
        axes.set_xlabel("k (first k hits)")
        axes.set_ylabel("mean recall")

    return _svg(draw, name, "Recall against k; the values are in the table below the plot.")


def reliability_svg(found: Reliability, name: str) -> str:
    """Plot the share judged relevant against the mean probability of each bin; calibrated ones lie on the diagonal.

    `name` must be unique among the plots on the page.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    points = [(item.mean_probability, item.share_relevant) for item in found.bins]
    limit = min(1.03, 1.08 * max(0.05, *(value for point in points for value in point)))

    def draw(axes: Axes) -> None:
        axes.plot([0, limit], [0, limit], color=_INK, linewidth=1.0, dashes=(4, 3))
        axes.plot(*zip(*points, strict=True), **_line(_look(0)._replace(colour=3)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=_STEPS))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 1):g} %"))
        axes.set_xlim(0, limit)
        axes.set_ylim(0, limit)
        axes.set_xlabel("mean probability")
        axes.set_ylabel("share judged relevant")

    return _svg(draw, name, "Share judged relevant against probability; the values are in the table below the plot.")


_LOG_TICKS = tuple(step * 10**power for power in range(7) for step in (1, 3))

_STEPS = (1, 2, 5, 10)


def _line(look: _Look) -> dict[str, Any]:
    return {
        "color": _series_colour(look.colour),
        "linewidth": _LINE_WIDTH,
        "marker": look.marker,
        "markersize": _MARKER_SIZE,
        "markeredgewidth": 0,
        "clip_on": False,
        "zorder": 3,
    } | ({"dashes": look.dashes} if look.dashes else {})


def _series_colour(number: int) -> str:
    return f"#fe03{number:02x}"


def _svg(draw: Any, name: str, label: str) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # ignore the user's matplotlibrc
        settings: Any = _SETTINGS | {"svg.hashsalt": name}
        mpl.rcParams.update(settings)
        figure = Figure(figsize=_INCHES)
        axes = figure.add_axes((0.17, 0.175, 0.79, 0.79))
        draw(axes)
        file = io.StringIO()
        unwritten = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=unwritten)
    return _for_page(file.getvalue(), name, label)


_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": _FONT_SIZE,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), _INK),
}


def _for_page(svg: str, name: str, label: str) -> str:
    """Return matplotlib's file as an element of the page: unique ids, the page's colours, no fixed size."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<svg [^>]*(viewBox=\"[^\"]*\")[^>]*>", rf'<svg class="plot" \1 role="img" aria-label="{label}">', svg, count=1
    )
    svg = re.sub(
        r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL
    )  # it would style the whole page
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{name}-", svg).replace("xlink:href", "href")
    variables = {_INK: "--ink", _LINE: "--line"} | {_series_colour(n): f"--series-{n}" for n in range(N_COLOURS)}
    for colour, variable in variables.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r"\s*\n\s*", "\n", svg).strip()
