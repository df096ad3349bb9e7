"""The steps of societies as tables: what stands in each step, and who reports what when."""

import numpy as np

from agentsim_env.engine.core.state import ANNOUNCER, NONE, SOCIETY, STEP_ROW, STEP_RUN
from agentsim_env.workload.programs import REPORT, Programs
from agentsim_env.workload.societies import n_steps


def step_table(programs: Programs) -> dict[str, np.ndarray]:
    """The arrays of the state for societies, steps and reports, with nothing in them that has happened yet."""
    if not programs.step_s and len(programs.report) == 0:
        return _no_steps()
    steps = n_steps(programs)
    n_rows = int(steps.sum())
    first_row = np.cumsum(steps) - steps
    society = np.zeros(len(steps), SOCIETY)
    society["step_s"], society["n_steps"], society["first_row"] = programs.step_s, steps, first_row
    society["step"] = NONE

    def row_of(rows: np.ndarray) -> np.ndarray:
        """Row of the step of each turn or report; behind all of them where it has none."""
        step = rows["step"].astype(np.int64)
        in_step = step >= 0
        step[in_step] += first_row[programs.program["society"][rows["program"][in_step]]]
        return np.where(in_step, step, n_rows)

    turn_row, report_row = row_of(programs.turn), row_of(programs.report)
    step_turn, order = np.argsort(turn_row, kind="stable"), np.argsort(report_row, kind="stable")
    row = np.zeros(n_rows + 1, STEP_ROW)
    row["first_turn"] = np.searchsorted(turn_row[step_turn], np.arange(n_rows + 1))
    row["first_report"] = np.searchsorted(report_row[order], np.arange(n_rows + 1))
    run = np.zeros(n_rows, STEP_RUN)
    run["begun_s"] = run["ended_s"] = np.nan
    run["first"] = run["last"] = NONE
    report = programs.report[order]
    n_announcers = len(programs.program) if len(report) else 0
    announcer = np.zeros(n_announcers, ANNOUNCER)
    for name in announcer.dtype.names or ():
        announcer[name] = NONE
    return {
        "society": society,
        "step_row": row,
        "step_turn": step_turn[: row["first_turn"][-1]].astype("i4"),
        "step_run": run,
        "report": report,
        "turn_report": _turn_reports(report, len(programs.turn)),
        "announced": np.full(n_announcers, np.inf),
        "announcer": announcer,
    }


def _no_steps() -> dict[str, np.ndarray]:
    """The same where all programs go their own way and say nothing."""
    return {
        "society": np.zeros(0, SOCIETY),
        "step_row": np.zeros(0, STEP_ROW),
        "step_turn": np.zeros(0, "i4"),
        "step_run": np.zeros(0, STEP_RUN),
        "report": np.zeros(0, REPORT),
        "turn_report": np.zeros(0, "i4"),
        "announced": np.zeros(0),
        "announcer": np.zeros(0, ANNOUNCER),
    }


def _turn_reports(report: np.ndarray, n_turns: int) -> np.ndarray:
    """Report that is made at the end of each turn, NONE for none; nothing where there is no such report."""
    after = np.flatnonzero(report["turn"] >= 0)
    reports = np.full(n_turns if len(after) else 0, NONE, "i4")
    reports[report["turn"][after]] = after
    return reports
