"""What answers one kind of decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from tests.reference.programs.admission import Admission
    from tests.reference.programs.orchestrator import Program

Parameters = Mapping[str, float]
Answers = TypeVar("Answers", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rule(Generic[Answers]):
    """A callable that answers, and the parameters that it finds in what it is shown."""

    answer: Answers
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class AdmissionRule:
    """A rule of `admit_program`, which may have something to do at ticks, too; by itself it lets everybody in.

    Attributes:
        ticks: There is something to do at a tick besides asking again.
    """

    parameters: Parameters = field(default_factory=dict)
    ticks: ClassVar[bool] = False

    def answer(self, admission: Admission, program: Program) -> str:
        """ "admit", "hold" or "reject"."""
        return "admit"

    def tick(self, admission: Admission) -> list[Program]:
        """What is to do at a tick; the programs that are paused no longer."""
        return []
