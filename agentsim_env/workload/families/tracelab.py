"""Run times of tools by kind, as TraceLab has measured them.

TraceLab (University of Washington, SyFI): Claude Code and Codex, 43 developers, 432,510 tool calls. 25th, 50th, 90th
and 99th percentile in seconds are read off its chart, ±5 %; between and beyond them our curves are log-normal pieces,
cut at a day. With the four kinds whose share is not published at 1 % each, the mixture has mean 17.3 s (published
18.4), 59.8 % below 1 s (60.9), 26.1 % in 1-10 s (27.3), 10.3 % in 10-60 s (7.8), 3.7 % above (4.0); its median is
0.46 s (0.285) and its 90th percentile 17 s (13.6): the chart and the table of the source do not agree better than that.
"""

from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.parameters import ToolKind

_DAY_S = 86_400

SHELL = Distribution(p25=0.11, p50=0.85, p90=22, p99=235, max=_DAY_S)
EDIT = Distribution(p25=0.038, p50=0.074, p90=1.9, p99=54, max=_DAY_S)
SEARCH = Distribution(p25=0.015, p50=0.044, p90=0.46, p99=7.2, max=_DAY_S)
PLANNING = Distribution(p25=0.028, p50=0.072, p90=2.5, p99=380, max=_DAY_S)
SUBAGENT = Distribution(p25=0.05, p50=0.18, p90=125, p99=600, max=_DAY_S)
WEB = Distribution(p25=2.2, p50=5.8, p90=62, p99=260, max=_DAY_S)
OTHER = Distribution(p25=0.04, p50=2.8, p90=207, p99=6200, max=_DAY_S)

KINDS = (
    ToolKind(name="shell", share=0.76, gap_s=SHELL),
    ToolKind(name="edit", share=0.11, gap_s=EDIT),
    ToolKind(name="search", share=0.09, gap_s=SEARCH),
    ToolKind(name="planning", share=0.01, gap_s=PLANNING),
    ToolKind(name="subagent", share=0.01, gap_s=SUBAGENT),
    ToolKind(name="web", share=0.01, gap_s=WEB),
    ToolKind(name="other", share=0.01, gap_s=OTHER),
)
"""All kinds. Shares of the first three are TraceLab's (of all calls); the other 4 % are split evenly [A]."""
