"""How the tools of a workload are served, and which of their attempts fail."""

from collections.abc import Mapping, Sequence

import numpy as np

from agentsim_env.scenario.errors import ScenarioError
from agentsim_env.scenario.workload import ToolServer
from agentsim_env.workload.programs import Programs, Tool


class ToolServers:
    """Servers of the tools of a workload.

    Args:
        servers: Servers by the name of the tool; tools without one have no limit and never fail.
        tools: Tools of the programs.

    Raises:
        ScenarioError: If a server is given for a tool that no program calls.
    """

    def __init__(self, servers: Mapping[str, ToolServer], tools: Sequence[Tool]) -> None:
        names = [tool.name for tool in tools]
        unknown = [name for name in servers if name not in names]
        if unknown:
            allowed = ", ".join(names) or "none, they call no tool"
            raise ScenarioError(f"workload.tools: no program calls {', '.join(unknown)}; allowed: {allowed}")
        given = [servers.get(name) for name in names]
        self.tools = tuple(
            tool if server is None else Tool(tool.name, server.concurrency, server.backoff_s)
            for tool, server in zip(tools, given, strict=True)
        )
        probability = np.array([server.failure_probability if server else 0.0 for server in given])
        self._max_retries = np.array([server.max_retries if server else 0 for server in given])
        self._fails = bool((probability > 0).any())
        with np.errstate(divide="ignore"):
            self._ln_probability = np.log(probability)

    def serve(self, programs: Programs, rng: np.random.Generator) -> Programs:
        """`programs` with these servers, and failures drawn for every call.

        The failures before a success are geometric, cut at `max_retries`: the attempt after that succeeds.
        """
        if self._fails:
            tool = programs.edge["tool"]
            # ln(u) / ln(p) is geometric for u uniform on (0, 1]; p = 0 gives 0.
            failed = np.log(1.0 - rng.random(len(tool))) / self._ln_probability[tool]
            programs.edge["failures"] = np.minimum(failed, self._max_retries[tool])
        return programs._replace(tools=self.tools)
