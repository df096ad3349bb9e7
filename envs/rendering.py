"""Pictures of the cluster as it is now: a table for the terminal, bars for a video."""

from typing import Any

import numpy as np

from agentsim_env.simulator import Simulator

_BAR = 24


def ansi(simulator: Simulator) -> str:
    """A text table with one line an instance."""
    rows = _rows(simulator)
    lines = [f"t = {simulator.now:10.3f} s    programs in the system: {int(simulator.state.world['n_active'][0])}"]
    lines.append(f"{'instance':<22}{'state':<8}{'waiting':>8}{'running':>8}  KV cache: # in use, - idle")
    for row in rows:
        used = round(row["locked"] * _BAR)
        idle = min(_BAR - used, round(row["idle"] * _BAR))
        bar = "#" * used + "-" * idle + " " * (_BAR - used - idle)
        lines.append(f"{row['name']:<22}{row['state']:<8}{row['waiting']:>8}{row['running']:>8}  [{bar}]")
    return "\n".join(lines) + "\n"


def rgb_array(simulator: Simulator) -> np.ndarray:
    """Bars of queue, batch and KV cache of each instance, `uint8 [height, width, 3]`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = _rows(simulator)
    figure = Figure(figsize=(8, 3.2), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    queue, cache = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(rows))
    running = np.array([row["running"] for row in rows])
    waiting = np.array([row["waiting"] for row in rows])
    queue.barh(y, running, color="#2b6cb0", label="running")
    queue.barh(y, waiting, left=running, color="#f6ad55", label="waiting")
    queue.set_xlim(0, max(16, int((running + waiting).max(initial=0)) * 1.1))
    queue.set(yticks=y, yticklabels=[row["name"] for row in rows], xlabel="turns")
    queue.legend(loc="upper right", frameon=False)
    locked = np.array([row["locked"] for row in rows])
    idle = np.array([row["idle"] for row in rows])
    cache.barh(y, locked, color="#2f855a", label="in use")
    cache.barh(y, idle, left=locked, color="#9ae6b4", label="idle cache")
    cache.set(xlim=(0, 1), xlabel="share of KV blocks")
    cache.legend(loc="upper right", frameon=False)
    queue.invert_yaxis()
    for axes in (queue, cache):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"t = {simulator.now:.2f} s", fontsize=10, x=0.02, ha="left")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _rows(simulator: Simulator) -> list[dict[str, Any]]:
    simulator.core.synchronise()
    rows = []
    state = simulator.state
    for i, engine in enumerate(simulator.engines):
        instance, pool = state.instance[i], state.pool[i]
        status = "down" if not instance["up"] else "busy" if instance["running"] else "idle"
        rows.append(
            {
                "name": f"{i} {engine.gpu}" + (f" x{engine.tp}" if engine.tp > 1 else ""),
                "state": status,
                "waiting": int(instance["n_waiting"]),
                "running": int(instance["n_running"]),
                "locked": float((pool["used"] - pool["idle"]) / pool["capacity"]),
                "idle": float(pool["idle"] / pool["capacity"]),
            }
        )
    return rows
