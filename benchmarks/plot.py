"""The pictures of docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import jobs_large, scaling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.benchmark import Curve
    from benchmarks.row import Row

COLOURS = {"stretch": "#2a7f4f", "met": "#5fae7f", "": "#9aa5b1", "below": "#c8503c", "memory": "#d9a441"}
TITLES = ("How many times as fast as the peer each job is", "More threads, more chunks, larger jobs")
AXES = {
    scaling.THREADS_PLOT: ("threads", "times one thread", "Conversion on more cores (dashed: model)"),
    scaling.CHUNKS_PLOT: ("chunks of 8 x 8 x 8", "seconds", "Cost against the number of chunks"),
    jobs_large.PLOT: ("seconds", "MB above the imports", "Memory of large conversions"),
}


def draw(rows: Sequence[Row], curves: Sequence[Curve], path: Path) -> dict[Path, str]:
    """Write the ratios to `path`, the curves beside it as ``NAME_curves.png``, and return the pictures with titles.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed: ``pip install 'ngprecomp[bench]'``.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {path: _ratios(pyplot, [row for row in rows if row.ratio and row.peer and not row.at_most])}
    if curves:
        figures[path.with_name(f"{path.stem}_curves.png")] = _curves(pyplot, curves)
    for place, figure in figures.items():
        figure.savefig(place, dpi=90, metadata={"Software": None})
    pyplot.close("all")
    return dict(zip(figures, TITLES, strict=False))


def _ratios(pyplot: Any, rows: Sequence[Row]) -> Any:
    """Draw how many times as fast as the peer each job is, with the goals."""
    figure, axes = pyplot.subplots(figsize=(10, 1.2 + 0.2 * len(rows)), layout="constrained")
    places = range(len(rows))
    axes.barh(places, [row.ratio for row in rows], color=[COLOURS[row.verdict] for row in rows], height=0.75)
    for place, row in zip(places, rows, strict=True):
        if row.must:
            axes.plot([row.must] * 2, [place - 0.45, place + 0.45], color="black", linewidth=1.2)
        if row.stretch:
            axes.plot([row.stretch] * 2, [place - 0.45, place + 0.45], color="black", linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_yticks(places, [f"{row.job}  :  {row.peer}" for row in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("times as fast as the peer; a line is the goal, a dotted one the stretch goal")
    axes.grid(axis="x", alpha=0.3)
    return figure


def _curves(pyplot: Any, curves: Iterable[Curve]) -> Any:
    by_plot: dict[str, list[Curve]] = {}
    for curve in curves:
        by_plot.setdefault(curve.plot, []).append(curve)
    figure, panels = pyplot.subplots(
        1, len(by_plot), figsize=(5.5 * len(by_plot), 4), layout="constrained", squeeze=False
    )
    for axes, (name, lines) in zip(panels[0], by_plot.items(), strict=True):
        for line in lines:
            axes.plot(line.x, line.y, "--" if line.dashed else ".-", label=line.label)
        x_label, y_label, title = AXES[name]
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.set_title(title, fontsize=10)
        if name == scaling.CHUNKS_PLOT:
            axes.loglog()
        elif name == scaling.THREADS_PLOT:
            axes.set_xscale("log", base=2)
            axes.set_xticks(scaling.CORES, scaling.CORES)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure
