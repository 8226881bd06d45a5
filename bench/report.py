"""The comparison as a reader gets it: ratios with their spread, beside what was aimed at, and a plot."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.ground import RESULTS, ROOT
from bench.load import Load
from bench.sides import SIDES, Side
from bench.tables import Spread, spread, table

_BY_NAME = {side.name: side for side in SIDES}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# Ours at least so many times as fast as this side: at the peers' work, and with everything on.
TARGETS: Mapping[str, tuple[float, float | None]] = {
    "floor": (0.35, None),
    "express": (1.2, 1.0),
    "fastapi_sync": (3.0, 2.5),
    "fastapi_async": (3.0, 2.5),
    "flask_orm": (8.0, 7.0),
}
WRITES_TARGET = 1.5  # times the best Python peer

Entry = dict[str, Any]


def main(arguments: Sequence[str]) -> None:
    """Print the tables of the results that are there, and draw the plots that the docs show."""
    parser = argparse.ArgumentParser(prog="bench report", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="draw nothing")
    asked = parser.parse_args(arguments)
    for name, write in (("identify", identify_table), ("writes", writes_table)):
        path = RESULTS / f"{name}.json"
        if path.exists():
            print(write(path))
            if not asked.quick:
                for job in dict.fromkeys(one["job"] for one in _read(path)["measured"]):
                    plot(path, ROOT / "docs" / "images" / f"speed-{job.replace(' ', '-')}.svg", job)


def entry(backend: str, side: Side, round_number: int, threads: int, load: Load, job: str = "identify") -> Entry:
    """Return one measurement as it is kept."""
    figures = {name: getattr(load, name) for name in ("answered", "per_second", "worker_us", "p50_ms", "p99_ms")}
    return {"job": job, "backend": backend, "side": side.name, "round": round_number, "threads": threads} | figures


def identify_table(path: Path) -> str:
    """Return the table of the steady state for the results in ``path``; it is written beside them."""
    results = _read(path)
    parts = []
    for backend in _backends(results):
        measured = _by_side(results, backend, "identify")
        heads = ["same job", "requests/s", "p50 ms", "p99 ms", "worker µs", "KalTalk, the peers' work, is × this"]
        rows = []
        for name, rounds in sorted(measured.items(), key=lambda item: -_middle(item[1])):
            shown = [_BY_NAME[name].title, _speed(rounds), _median(rounds, "p50_ms"), _median(rounds, "p99_ms")]
            aims = TARGETS.get(name, (None, None))
            shown += [_median(rounds, "worker_us"), _ratio(measured, "ours", name, aims[0])]
            rows.append([*shown, _ratio(measured, "full", name, aims[1])])
        parts.append(f"### {_DATABASES[backend]}\n\n{table([*heads, 'everything on is × this'], rows)}\n")
    return _finish(path, results, parts)


def writes_table(path: Path) -> str:
    """Return the tables of what writes for the results in ``path``; they are written beside them."""
    results = _read(path)
    parts = []
    for backend in _backends(results):
        for job in dict.fromkeys(one["job"] for one in results["measured"]):
            measured = _by_side(results, backend, job)
            peers = [name for name in measured if _BY_NAME[name].is_python_peer]
            best = max(peers, key=lambda name: _middle(measured[name]), default=None)
            heads = ["same job", "requests/s", "p50 ms", "p99 ms", "worker µs", "KalTalk, the peers' work, is × this"]
            rows = []
            for name, rounds in sorted(measured.items(), key=lambda item: -_middle(item[1])):
                shown = [_BY_NAME[name].title, _speed(rounds)]
                shown += [_median(rounds, figure) for figure in ("p50_ms", "p99_ms", "worker_us")]
                aim = WRITES_TARGET if name == best else None
                rows.append([*shown, _ratio(measured, "ours", name, aim), _ratio(measured, "full", name, None)])
            title = f"### {job}, {_DATABASES[backend]}"
            parts.append(f"{title}\n\n{table([*heads, 'everything on is × this'], rows)}\n")
    return _finish(path, results, parts)


def plot(path: Path, picture: Path, job: str = "identify") -> None:
    """Draw the speed of each side as bars, with the spread of its rounds, into ``picture`` (SVG)."""
    import matplotlib as mpl  # late, both of them: what has nothing to draw needs none, and it must know what it draws

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "kaltalk"  # the same figures give the same file
    mpl.rcParams["svg.fonttype"] = "none"  # letters as letters, and not as a thousand curves
    import matplotlib.pyplot as plt

    results = _read(path)
    backends = _backends(results)
    figure, panels = plt.subplots(len(backends), figsize=(9, 4 * len(backends)), layout="constrained", squeeze=False)
    for panel, backend in zip(panels[:, 0], backends, strict=True):
        measured = sorted(_by_side(results, backend, job).items(), key=lambda item: _middle(item[1]))
        speeds = [_speed(rounds) for _, rounds in measured]
        colors = ["#1f7a4d" if _BY_NAME[name].is_ours else "#9aa5b1" for name, _ in measured]
        titles = [_BY_NAME[name].title for name, _ in measured]
        least_most = [[s.middle - s.least for s in speeds], [s.most - s.middle for s in speeds]]
        panel.barh(titles, [s.middle for s in speeds], color=colors, xerr=least_most, ecolor="#3b4754")
        panel.set_title(f"{_DATABASES[backend]}, answers a second")
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


def _read(path: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return results


def _backends(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(one["backend"] for one in results["measured"]))


def _by_side(results: Mapping[str, Any], backend: str, job: str) -> dict[str, list[Entry]]:
    """Return the rounds of each side; of those with one title, the better one's."""
    found: dict[str, list[Entry]] = {}
    for one in results["measured"]:
        if (one["backend"], one["job"]) == (backend, job):
            found.setdefault(one["side"], []).append(one)
    best: dict[str, str] = {}
    for name, rounds in found.items():
        title = _BY_NAME[name].title
        if title not in best or _middle(rounds) > _middle(found[best[title]]):
            best[title] = name
    return {name: found[name] for name in best.values()}


def _ratio(measured: Mapping[str, Sequence[Entry]], ours: str, name: str, aim: float | None) -> str:
    """Return how many times as fast ours is, by the worker's processor time, and whether that was aimed at."""
    if ours not in measured or _BY_NAME[name].is_ours:
        return "–"
    pairs = zip(measured[ours], measured[name], strict=True)
    found = spread([theirs["worker_us"] / mine["worker_us"] for mine, theirs in pairs])
    if aim is None:
        return str(found)
    return f"{found}; aim {aim:g}: {'reached' if found.middle >= aim else '**missed**'}"


def _speed(rounds: Sequence[Entry]) -> Spread:
    return spread([one["per_second"] for one in rounds])


def _middle(rounds: Sequence[Entry]) -> float:
    """Answers a second of the worker's own processor time: a noisy machine changes that the least."""
    return 1e6 / max(_median(rounds, "worker_us"), 1.0)


def _median(rounds: Sequence[Entry], figure: str) -> float:
    return median(float(one[figure]) for one in rounds)


def _finish(path: Path, results: Mapping[str, Any], parts: Sequence[str]) -> str:
    machine = "; ".join(f"{name} {value}" for name, value in results["machine"].items())
    plan = ", ".join(f"{value:,} {name}" for name, value in results["plan"].items())
    text = "\n".join([*parts, f"Measured with {plan}. Medians, and in brackets the least and the most.\n{machine}.\n"])
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    return text
