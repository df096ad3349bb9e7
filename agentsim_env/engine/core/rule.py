"""How a table of rules becomes one compiled function that calls the rule with a given number."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from agentsim_env.engine.core.component import NUMBER, component


class Rule(NamedTuple):
    """A row of a table of rules.

    Attributes:
        answer: Compiled function `(state, subject) -> answer`.
        parameters: Names and defaults of its parameters; the rule reads the k-th as `state.parameter[kind, k]`.
        needs_tree: The router must remember what it sent where (`State.pool` rows from N on).
        steals: Idle instances take waiting turns from loaded ones while this rule routes.
        ticks: A rule that looks again at what it has decided, every so often (its parameter `period_s`): one for
            admission takes stock, one for retention is asked again about what it keeps pinned.
        oracle: The rule sees the future.
        needs_paths: The longest path of service that leads to each turn must be kept (`State.path_s`).
        needs_future: The turns that will use a segment must be known (`engine/programs/future_uses.py`).
    """

    answer: Callable[..., Any]
    parameters: Mapping[str, float] = {}
    needs_tree: bool = False
    steals: bool = False
    ticks: bool = False
    oracle: bool = False
    needs_paths: bool = False
    needs_future: bool = False


def dispatcher(kind: str, table: Mapping[str, Rule], file: str) -> Callable[..., Any]:
    """A component `(state, number, subject) -> answer` over the rows of the table of a decision kind, in their order.

    numba cannot index a table of functions inside compiled code without giving up inlining and caching, so the chain of
    comparisons is written out here from the table; `file` is where the table stands, for numba's cache.
    """
    scope: dict[str, Any] = {f"rule_{k}": row.answer for k, row in enumerate(table.values())}
    scope["__name__"] = __name__  # numba imports it when it loads the function from its cache
    lines = ["def dispatch(state, number, subject):"]
    lines += [f"    if number == {k}: return rule_{k}(state, subject)" for k in range(len(table) - 1)]
    lines += [f"    return rule_{len(table) - 1}(state, subject)"]
    exec(compile("\n".join(lines), file, "exec"), scope)
    scope["dispatch"].__qualname__ = f"dispatch_{kind}"
    return component(NUMBER, NUMBER, NUMBER)(scope["dispatch"])
