"""What the parts of the reference simulator share: the time, the programs, the instances and each other."""

from collections.abc import Sequence

from agentsim_env.workload.programs import Programs
from tests.reference.batch.instance import Instance
from tests.reference.batch.iterations import Iterations
from tests.reference.description import InstanceSpec, MemorySpec
from tests.reference.events import Events
from tests.reference.lanes.prefill_budget import PrefillBudgets
from tests.reference.loads.loads import Loads
from tests.reference.loads.prefetcher import Prefetcher
from tests.reference.programs.admission import Admission
from tests.reference.programs.gateway import Gateway
from tests.reference.programs.history import History
from tests.reference.programs.orchestrator import Orchestrator
from tests.reference.programs.societies import Societies
from tests.reference.programs.tools import Tools
from tests.reference.residency.owners import Owners
from tests.reference.residency.retention import Retention
from tests.reference.routing.handover import Handover
from tests.reference.routing.router import Router
from tests.reference.rules import Rules
from tests.reference.tiers.copies import Copies
from tests.reference.tiers.topology import Topology

ONLY_HBM = MemorySpec(tiers=(), block_bytes=1.0, write_policy="none")


class World:
    """A cluster and its programs at a time.

    Args:
        workload: The programs.
        specs: The cluster.
        rules: Who answers each kind of decision.
        memory: Tiers below HBM, and links between instances; None for none.
        frontend_s: Time in the gateway, from ready to routed.
        view_delay_s: How often the router's view is refreshed; 0: it is always fresh.
        eviction: What goes when blocks are needed: `blocks`, as many as are short, or `objects`, a whole segment.
        context_switch_s: An iteration that begins while others of its GPU work takes so much longer.
    """

    def __init__(
        self,
        workload: Programs,
        specs: Sequence[InstanceSpec],
        rules: Rules,
        memory: MemorySpec | None = None,
        frontend_s: float = 0.0,
        view_delay_s: float = 0.0,
        eviction: str = "blocks",
        context_switch_s: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.workload = workload
        self.rules = rules
        self.memory = memory or ONLY_HBM
        self.frontend_s = frontend_s
        self.eviction = eviction
        self.context_switch_s = context_switch_s
        self.events = Events()

        self.orchestrator = Orchestrator(workload)
        self.history = History()
        self.tools = Tools(workload, self.events, self.orchestrator.waited)
        self.admission = Admission(self)
        self.gateway = Gateway(self)
        self.societies = Societies(self)

        self.instances = [Instance(self, number, spec) for number, spec in enumerate(specs)]
        self.iterations = Iterations(self)
        self.budgets = PrefillBudgets(self)
        self.router = Router(self, view_delay_s)
        self.handover = Handover(self)
        self.retention = Retention(self)

        self.owners = Owners(self)
        self.topology = Topology(self.memory, len(specs), self.events)
        self.copies = Copies(self)
        self.loads = Loads(self)
        self.prefetcher = Prefetcher(self)
