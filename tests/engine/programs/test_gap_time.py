"""Gap time of programs that fail while one of their tool calls waits in a queue, on both simulators.

An iteration takes one second; a call of `fast` takes no place, one of `slow` takes the only one for ten seconds.
"""

from agentsim_env.workload.programs import Tool
from tests.agreement.compare import agreed_records
from tests.agreement.scenario import Scenario
from tests.reference.building import WorkloadBuilder
from tests.reference.description import InstanceSpec, constant_profile
from tests.reference.records import Records

FAST, SLOW = 0, 1


def run(calls_of_slow: int, another_program: bool = False) -> Records:
    """A turn ends at 1 and calls; what waits for its call of `fast`, ready at 3, fits on no instance."""
    work = WorkloadBuilder((Tool("fast"), Tool("slow", concurrency=1)))
    segment = work.segment(100)
    work.program()
    root = work.turn(segment, 16, 1)
    for _ in range(calls_of_slow):
        work.edge(root, work.turn(segment, 32, 1), gap_s=10.0, tool=SLOW)
    work.edge(root, work.turn(segment, 1500, 1), gap_s=2.0, tool=FAST)
    if another_program:
        work.program(20.0)
        work.turn(segment, 16, 1)
    spec = InstanceSpec(10, 8, 512, 1000, constant_profile(overhead_s=1.0))
    return agreed_records(Scenario(work.build(), [spec]))


def test_a_call_that_runs_is_no_work_of_the_program() -> None:
    records = run(calls_of_slow=1)
    assert records.programs[0].item() == (0.0, 3.0, 2.0, "failed")
    assert records.area == 1.0


def test_a_call_that_still_waits_when_the_episode_ends_has_kept_the_program_busy() -> None:
    records = run(calls_of_slow=2)
    assert records.programs[0].item() == (0.0, 3.0, 0.0, "failed")
    assert records.area == 3.0


def test_so_has_one_that_waits_on_after_the_program_has_failed() -> None:
    records = run(calls_of_slow=2, another_program=True)
    assert records.programs[0].item() == (0.0, 3.0, 0.0, "failed")
    assert records.area == 4.0
