"""What a scenario is in an episode: itself, or what is drawn for it, with all that does not depend on the workload."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from agentsim_env.assembly.assemble import Assembly, assemble
from agentsim_env.assembly.engines import engines_of
from agentsim_env.engine.blueprint import Blueprint
from agentsim_env.hardware import Engine
from agentsim_env.scenario import Scenario
from agentsim_env.scenario.draws import Drawing, Drawn
from agentsim_env.scenario.kept import Kept


class Variant(NamedTuple):
    """A scenario as it is in an episode.

    Attributes:
        drawn: What was drawn, by place; empty if nothing is.
        engines: The engines of its cluster.
        assembly: What begins it.
    """

    drawn: Mapping[str, Any]
    engines: Sequence[Engine]
    assembly: Assembly

    @property
    def blueprint(self) -> Blueprint:
        """Everything of its simulation that does not depend on the workload."""
        return self.assembly.blueprint


class Variants:
    """The variants of a scenario.

    Args:
        scenario: The scenario.
        agent_kinds: Kinds of decision that are answered from outside.
        token_seconds: See `assemble`.
        drawing: What draws for it, if that is there.

    Attributes:
        widest: The one with the most instances: no other has more answers.
    """

    def __init__(
        self,
        scenario: Scenario,
        agent_kinds: Sequence[str] = (),
        token_seconds: bool = False,
        drawing: Drawing | None = None,
    ) -> None:
        self._agent_kinds, self._token_seconds = tuple(agent_kinds), token_seconds
        self._kept: Kept[Variant] = Kept()
        self._engines: Kept[Sequence[Engine]] = Kept()
        if scenario.randomize:
            self._drawing = Drawing(scenario) if drawing is None else drawing
            self.widest = self._found(self._drawing.widest)
        else:
            self._drawing = None
            self.widest = self._made(scenario, engines_of(scenario), {})

    def of(self, seed: int) -> Variant:
        """The variant of an episode."""
        if self._drawing is None:
            return self.widest
        variant = self._found(self._drawing.of(seed))
        # Compiled code writes a row for each instance where there is one for each of the widest.
        assert len(variant.engines) <= len(self.widest.engines), f"seed {seed} has more instances than the widest"
        return variant

    def _found(self, drawn: Drawn) -> Variant:
        def make() -> Variant:
            cluster = {place: value for place, value in drawn.values.items() if place.startswith("cluster.")}
            engines = self._engines.get(json.dumps(cluster), lambda: engines_of(drawn.scenario))
            return self._made(drawn.scenario, engines, drawn.values)

        return self._kept.get(drawn.key, make)

    def _made(self, scenario: Scenario, engines: Sequence[Engine], drawn: Mapping[str, Any]) -> Variant:
        return Variant(drawn, engines, assemble(scenario, engines, self._agent_kinds, self._token_seconds))
