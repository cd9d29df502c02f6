"""`progress.png`: every experiment's value, the running best, and when the strategy changed.

In the manner of the figure that autoresearch's notebook draws: kept changes in green with their
titles, discarded ones in grey, the running best as a step line. Crashes, and values beyond the picture,
are marked at the worse edge. Drawn with matplotlib's objects on Agg: no window, no global state.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deep_loop.core.cohort import Revision
from deep_loop.interfaces.report.labels import Box, Label, place
from deep_loop.views import Overview, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (14.0, 7.0)  # inches
DPI = 150
TITLE_CHARS = 44  # of a label
LABELS = 80  # that a place is looked for: an imported log may keep hundreds, and no picture has room for more


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours."""

    paper: str
    ink: str
    faint: str
    kept: str
    label: str
    discarded: str
    crashed: str
    revised: str


LIGHT = Theme("#ffffff", "#24292f", "#e5e7eb", "#2da44e", "#1a6b33", "#b6bcc4", "#cf222e", "#8250df")
DARK = Theme("#14171c", "#d7dce2", "#2b3038", "#3fb950", "#7ee294", "#5d6570", "#ff7b72", "#b392f0")


@dataclass(frozen=True, slots=True)
class Point:
    """An experiment in the picture: its place in the order of closing, from 0, and its value."""

    x: int
    y: float
    row: Row


@dataclass(frozen=True, slots=True)
class Scale:
    """The values that the picture shows; what is worse is marked at its edge."""

    best: float  # the better end of the axis
    worst: float

    def shows(self, value: float) -> bool:
        """Whether a dot stands clear of the marks at the worse edge."""
        edge = _edge(self, 0.06)
        return min(self.best, edge) <= value <= max(self.best, edge)


def draw(seen: Overview, rows: Sequence[Row], revisions: Sequence[Revision], theme: Theme = LIGHT) -> bytes:
    """The figure as a PNG. Rows that are still open are left out; a study without any gives an empty frame."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    own = matplotlib.rc_context({"font.family": "DejaVu Sans", "text.usetex": False, "text.parse_math": False})
    with own, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a title may use any script
        figure = Figure(figsize=SIZE, dpi=DPI, facecolor=theme.paper, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _frame(axes, seen, theme)
        closed = [row for row in rows if row.order is not None]
        points = [Point(row.order - 1, row.value, row) for row in closed if row.order and row.value is not None]
        kept = [point for point in points if point.row.status == "keep"]
        scale = _scale(seen, points, kept)
        if scale is not None:
            axes.set_ylim(*sorted((scale.best, scale.worst)))
            axes.set_xlim(-1, max(len(closed), 2))
            _points(axes, scale, points, kept, theme)
            _crashes(axes, scale, [row.order - 1 for row in closed if row.order and row.status == "crash"], theme)
            _revisions(axes, revisions, theme)
            _legend(axes, theme)
            _label(figure, axes, scale, kept, theme)
        image = io.BytesIO()
        figure.savefig(image, format="png")
    return image.getvalue()


def _frame(axes: Axes, seen: Overview, theme: Theme) -> None:
    """Title, axes and grid."""
    from matplotlib.ticker import MaxNLocator

    better = "lower is better" if seen.direction == "minimize" else "higher is better"
    title = f"{_printable(seen.tag)}: {seen.experiments} experiments, {seen.keeps} kept improvements"
    axes.set_title(title, loc="left", color=theme.ink, fontsize=14, pad=14)
    axes.set_xlabel("experiment, in the order of the decisions", color=theme.ink, fontsize=11)
    axes.set_ylabel(f"{_printable(seen.metric)} ({better})", color=theme.ink, fontsize=11)
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink, labelsize=9)
    axes.grid(True, color=theme.faint, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.ticklabel_format(useOffset=False, style="plain", axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.ink)


def _scale(seen: Overview, points: Sequence[Point], kept: Sequence[Point]) -> Scale | None:
    """From somewhat better than the best run to somewhat worse than the worst keep; None where nothing was measured.

    A run may well be better than all that is claimed: it was lucky, and did not hold.
    """
    if not points:
        return None
    values = [point.y for point in kept or points]
    low, high = min(values), max(values)
    span = (high - low) or abs(high) * 0.01 or 1.0
    minimize = seen.direction == "minimize"
    near = [p.y for p in points if (p.y <= high + 0.5 * span if minimize else p.y >= low - 0.5 * span)]
    margin = 0.12 * max(span, max(near) - min(near))
    low, high = min(near) - margin, max(near) + margin
    return Scale(low, high) if minimize else Scale(high, low)


def _points(axes: Axes, scale: Scale, points: Sequence[Point], kept: Sequence[Point], theme: Theme) -> None:
    """Discarded dots, the running best, kept dots."""
    others = [point for point in points if point.row.status != "keep"]
    shown = [point for point in others if scale.shows(point.y)]
    beyond = [point for point in others if not scale.shows(point.y)]
    axes.scatter(
        [p.x for p in shown],
        [p.y for p in shown],
        s=22,
        color=theme.discarded,
        linewidths=0,
        zorder=2,
        label="discarded",
    )
    if beyond:
        marker = "^" if scale.worst > scale.best else "v"
        axes.scatter(
            [p.x for p in beyond],
            [_edge(scale, 0.015)] * len(beyond),
            s=26,
            marker=marker,
            color=theme.discarded,
            linewidths=0,
            zorder=2,
            label="discarded, beyond the picture",
        )
    if kept:
        last = max(point.x for point in points)
        xs, ys = [p.x for p in kept], [p.y for p in kept]
        axes.step(
            [*xs, max(last, xs[-1])],
            [*ys, ys[-1]],
            where="post",
            color=theme.kept,
            linewidth=1.8,
            alpha=0.75,
            zorder=3,
            label="incumbent",
        )
        axes.scatter(xs, ys, s=52, color=theme.kept, edgecolors=theme.paper, linewidths=1.2, zorder=4, label="kept")


def _crashes(axes: Axes, scale: Scale, places: Sequence[int], theme: Theme) -> None:
    if places:
        heights = [_edge(scale, 0.045)] * len(places)
        axes.scatter(places, heights, s=34, marker="x", color=theme.crashed, linewidths=1.5, zorder=4, label="crashed")


def _revisions(axes: Axes, revisions: Sequence[Revision], theme: Theme) -> None:
    """A vertical tick where the strategy was rewritten."""
    for revision in revisions:
        x = revision.seen - 0.5
        name = "strategy rewritten" if revision is revisions[0] else None
        axes.axvline(x, color=theme.revised, linewidth=1, linestyle=(0, (2, 3)), alpha=0.8, zorder=1, label=name)
        axes.annotate(
            f"v{revision.version}",
            (x, 1),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            xytext=(0, 2),
            ha="center",
            color=theme.revised,
            fontsize=8,
            annotation_clip=False,
        )


def _legend(axes: Axes, theme: Theme) -> None:
    """Above the picture, where it covers nothing."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1.025),
        ncols=6,
        frameon=False,
        fontsize=9,
        labelcolor=theme.ink,
        handletextpad=0.4,
        columnspacing=1.2,
        borderaxespad=0,
    )


def _edge(scale: Scale, share: float) -> float:
    """A value that far, as a share of the axis, from its worse end."""
    return scale.worst + (scale.best - scale.worst) * share


def _label(figure: Figure, axes: Axes, scale: Scale, kept: Sequence[Point], theme: Theme) -> None:
    """Write the kept changes' titles, those that gained most first, where nothing is in the way."""
    ranked = sorted(kept, key=lambda point: (point.row.parent is not None, -(point.row.relative_gain or 0.0)))[:LABELS]
    figure.draw_without_rendering()  # settles the layout, so that pixels can be asked for
    figure.set_layout_engine("none")
    texts = [_text(axes, point, theme) for point in ranked]
    boxes = [text.get_window_extent() for text in texts]
    spots = [axes.transData.transform((point.x, point.y)) for point in ranked]
    sizes = [Label(x, y, box.width, box.height) for (x, y), box in zip(spots, boxes, strict=True)]
    bounds = axes.get_window_extent()
    frame = Box(bounds.x0, bounds.y0, bounds.x1, bounds.y1)
    places = place(sizes, _obstacles(axes, kept), frame, down=scale.best < scale.worst)
    for text, spot, box in zip(texts, spots, places, strict=True):
        if box is None:
            text.remove()
            continue
        text.set_position(axes.transData.inverted().transform((box.left, box.bottom)))
        _lead(axes, spot, box, theme)


def _text(axes: Axes, point: Point, theme: Theme) -> Any:
    from matplotlib.patheffects import withStroke

    title = _printable(point.row.title)
    title = title if len(title) <= TITLE_CHARS else title[: TITLE_CHARS - 1] + "…"
    words = title if point.row.parent is None else f"#{point.row.experiment} {title}"
    halo = [withStroke(linewidth=2.5, foreground=theme.paper)]
    return axes.text(
        point.x, point.y, words, fontsize=8, color=theme.label, ha="left", va="bottom", zorder=6, path_effects=halo
    )


def _lead(axes: Axes, spot: Iterable[float], box: Box, theme: Theme) -> None:
    """A thin line from a point to its label's nearest border, where the two stand apart."""
    x, y = spot
    end = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
    if (end[0] - x) ** 2 + (end[1] - y) ** 2 < 14**2:
        return
    (x0, y0), (x1, y1) = axes.transData.inverted().transform([(x, y), end])
    axes.plot([x0, x1], [y0, y1], color=theme.label, linewidth=0.6, alpha=0.5, zorder=2, scalex=False, scaley=False)


def _obstacles(axes: Axes, kept: Sequence[Point]) -> list[Box]:
    """What a label must not cover: the kept dots, and the step line between them."""
    spots = [axes.transData.transform((point.x, point.y)) for point in kept]
    dots = [Box(x, y, x, y).grown(6) for x, y in spots]
    steps = []
    for (x0, y0), (x1, y1) in pairwise(spots):
        steps += [Box(x0, y0, x1, y0).grown(1.5), Box(x1, min(y0, y1), x1, max(y0, y1)).grown(1.5)]
    return dots + steps


def _printable(text: str) -> str:
    """The text on one line, without characters that cannot be drawn."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
