"""How a table of rules becomes compiled functions that call the rule with a given number."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from agentsim_env.engine.core import component
from agentsim_env.engine.core.component import NOTHING, NUMBER, table
from agentsim_env.engine.core.decisions import DECISIONS, KINDS
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
        blind: A rule of `route_turn` that looks at no cache: who holds a segment need not be known (`State.holder`).
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
    blind: bool = False
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


@cache
def _defaults(function: Callable[..., Any] | None) -> tuple[tuple[str, float], ...]:
    """The arguments of a function that have a default: looking takes longer than an episode takes to begin."""
    arguments = inspect.signature(function).parameters.values() if function is not None else ()
    return tuple((argument.name, argument.default) for argument in arguments if argument.default is not argument.empty)


def dispatcher(kind: str, rules: Mapping[str, Rule], file: str) -> Callable[..., Any]:
    """A table of components `(state, subject) -> answer`: the rules of a decision kind, in the order of their rows.

    It hands each rule its parameters; `file` is where the table stands, for the cache.
    """
    calls = [
        _calling(f"{kind}_{name}", "state, subject", row.answer, _values(kind, row, row.answer), file)
        for name, row in rules.items()
    ]
    _made[kind] = table(NUMBER, NUMBER)(calls), list(rules).index(DECISIONS[kind].default)
    return _made[kind][0]


_made: dict[str, tuple[Any, int]] = {}


def ready(kind: str, number: int) -> None:
    """Have a rule compiled now, if it is not the default, which always can be: see `component.ready`."""
    rules, default = _made[kind]
    if number != default:
        component.ready(rules, number)


def tick_dispatcher(kind: str, rules: Mapping[str, Rule], file: str) -> Callable[..., Any]:
    """A table of components `(state)`: the tick of each rule, nothing for one without; otherwise as `dispatcher`."""
    ticks = [(name, row.tick or _no_tick, row) for name, row in rules.items()]
    return table(NOTHING)(
        [_calling(f"tick_{kind}_{name}", "state", tick, _values(kind, row, tick), file) for name, tick, row in ticks]
    )


def memory_dispatchers(kind: str, rules: Mapping[str, Rule], file: str) -> tuple[Callable[..., Any], ...]:
    """Two tables of components `(state, s, i)`: `Memory.sent` and `Memory.left` of each rule; as `tick_dispatcher`."""
    made = []
    for name in ("sent", "left"):
        functions = {rule: getattr(row.memory, name) if row.memory else _no_memory for rule, row in rules.items()}
        calls = [
            _calling(f"{name}_{kind}_{rule}", "state, s, i", call, _values(kind, rules[rule], call), file)
            for rule, call in functions.items()
        ]
        made.append(table(NOTHING, NUMBER, NUMBER)(calls))
    return tuple(made)


def choice(kind: str, functions: Mapping[str, Callable[..., Any]], file: str) -> Callable[..., Any]:
    """A table of components `(state)`: what each function returns."""
    return table(NUMBER)([_calling(f"{kind}_{name}", "state", call, "", file) for name, call in functions.items()])


@compiled
def _no_tick(state):
    """What a rule does that takes no stock."""


@compiled
def _no_memory(state, s, i):
    """What a rule does that learns nothing."""


def _calling(name: str, arguments: str, function: Callable[..., Any], values: str, file: str) -> Callable[..., Any]:
    """A function with a name that hands its arguments and values on to another."""
    made = written_out(f"def call({arguments}):\n    return called({arguments}{values})", file, called=function)["call"]
    made.__qualname__ = name
    return made


def _values(kind: str, row: Rule, function: Callable[..., Any]) -> str:
    """The values of the parameters of a rule that a function takes, as arguments in a text."""
    columns = {name: column for column, name in enumerate(row.parameters)}
    taken = [columns[name] for name in inspect.signature(function).parameters if name in columns]
    return "".join(f", state.parameter[{KINDS.index(kind)}, {column}]" for column in taken)
