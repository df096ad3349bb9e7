"""Workloads: families of synthetic programs, recorded ones, their arrivals, and the arrays that both become."""

from agentsim_env.workload.builder import ChainTurn, ProgramBuilder
from agentsim_env.workload.faults import FAULT, Faults, draw_faults
from agentsim_env.workload.programs import EDGE, PROGRAM, REPORT, SEGMENT, TURN, Programs, Tool, new_programs, new_turns
from agentsim_env.workload.validation import InvalidProgramsError, checked_copy, validate

__all__ = [
    "EDGE",
    "FAULT",
    "PROGRAM",
    "REPORT",
    "SEGMENT",
    "TURN",
    "ChainTurn",
    "Faults",
    "InvalidProgramsError",
    "ProgramBuilder",
    "Programs",
    "Tool",
    "checked_copy",
    "draw_faults",
    "new_programs",
    "new_turns",
    "validate",
]
