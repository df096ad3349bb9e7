"""The load of an operating point, from the columns of its row.

Lengths are in `isl` and `osl` (tokens of every prompt and answer), or as means in `prompt_len_mean` and
`output_len_mean`, or as totals of all requests in `input_tokens` (or `prompt_tokens`) and `output_tokens`, or of
prompts that repeat in `system_tokens`, `question_tokens` and `output_tokens` (each), with `groups` system prompts and
`questions` (or `prompts_per_group`) behind each, which come around in turn; 10 and 10 where they are not given.

A closed loop has `concurrency`; an open one `rate_rps` (or `rate_requested`) with `arrivals` (`constant` or `poisson`).
Stages of several rates are `2.5/6` with `stage_s` seconds in all, or rows of one run (`exp`) whose `stage` is a number:
these are replayed together, and each is held against its own requests. `requests` or `completed` is how many there
were; `range_ratio`: lengths are uniform between this share of `isl` and `osl` and these (by default 1, and 0.8 where
`src` is inferencemax, whose harness does so). Sessions have `turns`, with `turn_tokens` more in each further turn and
`gap_s` between them; `requests` counts sessions then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentsim_env.validation.matching import identity
from agentsim_env.validation.measurements import Arrivals, Load, Stage
from agentsim_env.validation.problems import ValidationError
from agentsim_env.validation.table import Row

LENGTHS = (
    ("isl", "osl"),
    ("prompt_len_mean", "output_len_mean"),
    ("system_tokens", "output_tokens"),
    ("input_tokens", "output_tokens"),
    ("prompt_tokens", "output_tokens"),
)
"""Pairs of columns, one of which tells the lengths."""
RATES = ("rate_rps", "rate_requested")
MOST_REQUESTS = 1_000_000  # of one point: a minute of simulation
MOST_TOTAL = 10**12
LEAST_RATE_PER_S = 1e-6
REQUESTS_PER_CLIENT = 10  # what InferenceX sends
REQUESTS_AT_A_RATE = 300
REPEATED = 10  # system prompts, and questions behind each, of inference-sim's runs
# `--random-range-ratio` of the InferenceX harness: both lengths are uniform between this share of their label and it.
SHORTEST = {"inferencemax": 0.8}


class _Lengths(NamedTuple):
    prompt_tokens: int
    output_tokens: int
    system_tokens: int = 0
    groups: int = 0
    questions: int = 0


def has_load(header: Sequence[str]) -> bool:
    """Whether columns tell a load."""
    told = set(header)
    return any(set(pair) <= told for pair in LENGTHS) and bool(told & {"concurrency", *RATES})


def stages_of_runs(rows: Sequence[Row]) -> dict[str, tuple[Stage, ...]]:
    """The stages of each run whose rows number them, by `run_of`.

    Raises:
        ValidationError: A stage has no duration, or one of them is missing.
    """
    found: dict[str, dict[int, Stage]] = defaultdict(dict)
    where: dict[str, str] = {}
    for row in rows:
        if row.text("stage").isdecimal():
            number = int(row.text("stage"))
            seconds = row.number("stage_s", LEAST_RATE_PER_S) if row.has("stage_s") else None
            if seconds is None:
                continue  # each row is a run of its own
            found[run_of(row)][number] = Stage(_rate(row), seconds)
            where[run_of(row)] = row.where
    for run, stages in found.items():
        if sorted(stages) != list(range(len(stages))):
            raise ValidationError(
                f"{where[run]}: stage: {run} has stages {sorted(stages)}; must be 0, 1, ... each once"
            )
    return {run: tuple(stages[number] for number in sorted(stages)) for run, stages in found.items()}


def run_of(row: Row) -> str:
    """What the rows of one run have in common."""
    parts = (identity(row), *(row.text(name) for name in ("exp", "config", "workload")))
    return " ".join(part for part in parts if part)


def load_of(row: Row, stages: Mapping[str, tuple[Stage, ...]]) -> Load:
    """The load of a row.

    Args:
        row: The row.
        stages: Those of each run whose rows number them.

    Raises:
        ValidationError: A cell is missing or wrong, or the load is not described.
    """
    if row.has("concurrency") and any(row.has(name) for name in RATES):
        rate = next(name for name in RATES if row.has(name))
        raise ValidationError(f"{row.where}: concurrency and {rate}; a load is a closed loop or an open one")
    shortest = row.number("range_ratio") if row.has("range_ratio") else SHORTEST.get(row.text("src"), 1.0)
    if not 0 < shortest <= 1:
        raise ValidationError(f"{row.where}: range_ratio is {shortest:g}; must be above 0 and at most 1")
    if row.has("concurrency"):
        load = _closed_loop(row, shortest)
    elif any(row.has(name) for name in RATES):
        load = _open_loop(row, shortest, stages)
    else:
        raise ValidationError(f"{row.where}: neither concurrency nor rate_rps")
    return _with_turns(row, load)


def _closed_loop(row: Row, shortest: float) -> Load:
    concurrency = row.count("concurrency", MOST_REQUESTS // REQUESTS_PER_CLIENT)
    requests = _requests(row, REQUESTS_PER_CLIENT * concurrency)
    return _load(_lengths(row, requests), shortest, "closed", concurrency, 0.0, requests)


def _open_loop(row: Row, shortest: float, of_runs: Mapping[str, tuple[Stage, ...]]) -> Load:
    named = row.text("arrivals").lower() or "poisson"
    if named not in ("constant", "poisson"):
        raise ValidationError(f"{row.where}: arrivals is {named!r}; must be constant or poisson")
    arrivals: Arrivals = "constant" if named == "constant" else "poisson"
    column = next(name for name in RATES if row.has(name))
    if "/" in row.text(column):
        stages, counted = of_runs.get(run_of(row)) or _listed_stages(row, column), -1
    elif row.text("stage").isdecimal() and run_of(row) in of_runs:
        stages, counted = of_runs[run_of(row)], int(row.text("stage"))
    else:
        rate = _rate(row)
        of_time = round(rate * row.number("stage_s")) if row.has("stage_s") else REQUESTS_AT_A_RATE
        requests = _requests(row, max(1, of_time))
        return _load(_lengths(row, requests), shortest, arrivals, 0, rate, requests)
    requests = sum(stage.requests for stage in stages)
    if requests > MOST_REQUESTS:
        raise ValidationError(f"{row.where}: {requests:,} requests in all stages; at most {MOST_REQUESTS:,}")
    return _load(_lengths(row, requests), shortest, arrivals, 0, 0.0, requests)._replace(stages=stages, counted=counted)


def _load(lengths: _Lengths, shortest: float, arrivals: Arrivals, clients: int, rate: float, requests: int) -> Load:
    return Load(
        lengths.prompt_tokens,
        lengths.output_tokens,
        shortest,
        arrivals,
        clients,
        rate,
        requests,
        groups=lengths.groups,
        questions=lengths.questions,
        system_tokens=lengths.system_tokens,
    )


def _with_turns(row: Row, load: Load) -> Load:
    if not row.has("turns"):
        return load
    if load.groups:
        raise ValidationError(f"{row.where}: turns and system_tokens; prompts that repeat have one turn")
    turns = row.count("turns", 10_000)
    if turns > 1 and not row.has("turn_tokens"):
        raise ValidationError(f"{row.where}: turn_tokens is empty; must say what each of the further turns adds")
    gap_s = row.number("gap_s") if row.has("gap_s") else 0.0
    return load._replace(turns=turns, turn_tokens=row.count("turn_tokens") if turns > 1 else 0, gap_s=gap_s)


def _requests(row: Row, default: int) -> int:
    column = next((name for name in ("requests", "completed") if row.has(name)), None)
    return default if column is None else row.count(column, MOST_REQUESTS)


def _rate(row: Row) -> float:
    column = next((name for name in RATES if row.has(name)), RATES[0])
    rate = row.number(column)
    if rate < LEAST_RATE_PER_S:
        raise ValidationError(f"{row.where}: {column} is {rate:g}; must be above 0, and at least {LEAST_RATE_PER_S:g}")
    return rate


def _listed_stages(row: Row, column: str) -> tuple[Stage, ...]:
    """Stages of equal length whose rates stand in one cell."""
    cell = row.text(column)
    rates = [Row(row.where, {column: part.strip()}).number(column, LEAST_RATE_PER_S) for part in cell.split("/")]
    if not row.has("stage_s"):
        raise ValidationError(f"{row.where}: stage_s is empty; must be the seconds of all stages of {cell} together")
    seconds = row.number("stage_s", LEAST_RATE_PER_S) / len(rates)
    return tuple(Stage(rate, seconds) for rate in rates)


def _lengths(row: Row, requests: int) -> _Lengths:
    if row.has("isl") or row.has("osl"):
        return _Lengths(row.count("isl"), row.count("osl"))
    if row.has("prompt_len_mean"):
        return _Lengths(_mean(row, "prompt_len_mean"), _mean(row, "output_len_mean"))
    if row.has("system_tokens"):
        asked = row.count("question_tokens")
        system = row.count("system_tokens")
        groups = row.count("groups") if row.has("groups") else REPEATED
        questions = next((row.count(name) for name in ("questions", "prompts_per_group") if row.has(name)), REPEATED)
        return _Lengths(system + asked, row.count("output_tokens"), system, groups, questions)
    total = "input_tokens" if row.has("input_tokens") else "prompt_tokens"
    return _Lengths(_share(row, total, requests), _share(row, "output_tokens", requests))


def _mean(row: Row, column: str) -> int:
    return max(1, round(row.number(column, 1.0)))


def _share(row: Row, column: str, requests: int) -> int:
    return max(1, round(row.count(column, MOST_TOTAL) / requests))
