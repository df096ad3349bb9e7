"""AgentServe beside the paper's numbers and a reproduction's; `python -m benchmarks.agentserve` writes the page."""
