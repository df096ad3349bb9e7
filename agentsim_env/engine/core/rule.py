"""How a table of rules becomes compiled functions that call the rule with a given number."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from agentsim_env.engine.core.component import NOTHING, NUMBER, component
from agentsim_env.engine.core.decisions import KINDS
from agentsim_env.engine.core.jit import compiled, written_out


class Memory(NamedTuple):
    """What a rule of `route_turn` that learns keeps in mind, and when; `state.memory` and `state.sent_as` have it.

    Attributes:
        per_instance: Numbers for each instance, 0 at first.
        per_turn: Numbers for each live turn.
        sent: Compiled function `(state, s, i, ...)`, called when a turn is sent to an instance, before it counts there.
        left: The same, when it leaves the batch for good: it has ended, or is handed over. Further arguments of both
            are parameters of the rule, by their names.
    """

    per_instance: int
    per_turn: int
    sent: Callable[..., Any]
    left: Callable[..., Any]


class Rule(NamedTuple):
    """A row of a table of rules.

    Attributes:
        answer: Compiled function `(state, subject, ...) -> answer`. Its further arguments are the rule's parameters,
            with their defaults.
        of_mechanism: Names and defaults of parameters that the mechanism of the kind reads, and the rule need not.
        tick: Compiled function `(state, ...)` that is called at every control tick, where the rule looks again at what
            it has decided. Its further arguments are parameters of the rule, by their names; those that `answer` has
            not have their defaults here.
        memory: What it learns from how turns fared.
        asked_again: The rule is asked again at every control tick about what it has decided to keep.
        shown_by: Counters of which one at least is above 0 when the rule has done what it is for; empty: those of its
            kind (`Kind.shown_by`).
        oracle: The rule sees the future.
        needs_tree: The router must remember what it sent where (`State.pool` rows from N on).
        needs_paths: The longest path of service that leads to each turn must be kept (`State.path_s`).
        needs_served: The tokens that each program has been served must be kept (`State.served_tokens`).
        needs_future: The turns that will use a segment must be known (`engine/programs/future_uses.py`).
        needs_owners: The programs that share a segment or an adapter must be known
            (`engine/programs/memory_owners.py`).
        steals: Idle instances take waiting turns from loaded ones while this rule routes.
    """

    answer: Callable[..., Any]
    of_mechanism: Mapping[str, float] = {}
    tick: Callable[..., Any] | None = None
    memory: Memory | None = None
    asked_again: bool = False
    shown_by: tuple[str, ...] = ()
    oracle: bool = False
    needs_tree: bool = False
    needs_paths: bool = False
    needs_served: bool = False
    needs_future: bool = False
    needs_owners: bool = False
    steals: bool = False

    @property
    def parameters(self) -> dict[str, float]:
        """Names and defaults of all parameters, in the order in which `State.parameter` has them."""
        functions = (self.answer, self.tick, *((self.memory.sent, self.memory.left) if self.memory else ()))
        found = {name: default for function in functions for name, default in _defaults(function)}
        return found | dict(self.of_mechanism)


def made_of(key: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a rule that was made of a key: it has the name, the docstring and the parameters of the key."""
    rule.__doc__, rule.__qualname__ = key.__doc__, key.__qualname__
    made: Any = compiled(rule)
    made.__wrapped__ = key  # where `inspect.signature` finds the parameters
    return made


def _defaults(function: Callable[..., Any] | None) -> list[tuple[str, float]]:
    """The arguments of a function that have a default."""
    arguments = inspect.signature(function).parameters.values() if function is not None else ()
    return [(argument.name, argument.default) for argument in arguments if argument.default is not argument.empty]


def dispatcher(kind: str, table: Mapping[str, Rule], file: str) -> Callable[..., Any]:
    """A component `(state, number, subject) -> answer` over the rows of the table of a decision kind, in their order.

    It hands each rule its parameters; `file` is where the table stands, for numba's cache.
    """
    calls = [(row.answer, "state, subject" + _values(kind, row, row.answer)) for row in table.values()]
    dispatch = _choice("state, number, subject", calls, file)
    dispatch.__qualname__ = f"dispatch_{kind}"
    return component(NUMBER, NUMBER, NUMBER)(dispatch)


def tick_dispatcher(kind: str, table: Mapping[str, Rule], file: str) -> Callable[..., Any]:
    """A component `(state, number)`: the tick of each rule, nothing for one without; otherwise as `dispatcher`."""
    ticks = [(row.tick or _no_tick, row) for row in table.values()]
    calls = [(tick, "state" + _values(kind, row, tick)) for tick, row in ticks]
    tick = _choice("state, number", calls, file)
    tick.__qualname__ = f"tick_{kind}"
    return component(NOTHING, NUMBER)(tick)


def memory_dispatchers(kind: str, table: Mapping[str, Rule], file: str) -> tuple[Callable[..., Any], ...]:
    """Two components `(state, number, s, i)`: `Memory.sent` and `Memory.left` of each rule; as `tick_dispatcher`."""
    made = []
    for name in ("sent", "left"):
        functions = [(getattr(row.memory, name) if row.memory else _no_memory, row) for row in table.values()]
        calls = [(function, "state, s, i" + _values(kind, row, function)) for function, row in functions]
        dispatch = _choice("state, number, s, i", calls, file)
        dispatch.__qualname__ = f"{name}_{kind}"
        made.append(component(NOTHING, NUMBER, NUMBER, NUMBER)(dispatch))
    return tuple(made)


def choice(functions: Sequence[Callable[..., Any]], file: str) -> Callable[..., Any]:
    """A compiled function `(state, number)` that returns what the function `(state)` in this place does."""
    return compiled(_choice("state, number", [(function, "state") for function in functions], file))


@compiled
def _no_tick(state):
    """What a rule does that takes no stock."""


@compiled
def _no_memory(state, s, i):
    """What a rule does that learns nothing."""


def _choice(arguments: str, calls: Sequence[tuple[Callable[..., Any], str]], file: str) -> Callable[..., Any]:
    """A function of `arguments` that makes the call with a `number`: a function, and what it is given."""
    lines = [f"    if number == {k}: return function_{k}({given})" for k, (_, given) in enumerate(calls[:-1])]
    last = f"    return function_{len(calls) - 1}({calls[-1][1]})"
    names = {f"function_{k}": function for k, (function, _) in enumerate(calls)}
    return written_out("\n".join([f"def choose({arguments}):", *lines, last]), file, **names)["choose"]


def _values(kind: str, row: Rule, function: Callable[..., Any]) -> str:
    """The values of the parameters of a rule that a function takes, as arguments in a text."""
    columns = {name: column for column, name in enumerate(row.parameters)}
    taken = [columns[name] for name in inspect.signature(function).parameters if name in columns]
    return "".join(f", state.parameter[{KINDS.index(kind)}, {column}]" for column in taken)
