"""AgentServe and what it is compared with, beside the paper's numbers; `python -m benchmarks.agentserve` writes the page."""
