"""Answers to `set_prefill_budget`: a slot for decodes and a budget of the grid, or for rules any share and budget."""

import math

from agentsim_env.engine.core.jit import compiled


@compiled
def slot_for(share, slots):
    """The smallest slot whose share is at least `share`, of those that leave one for prefills."""
    return min(max(1, math.ceil(share * slots - 1e-9)), slots - 1)


@compiled
def set_to(state, i, share, tokens):
    """A rule's answer: a least share of the SMs for decodes and a budget, and the number of the nearest of the grid."""
    world, grid = state.world[0], state.budget_grid_tokens
    world.set_share, world.set_tokens = share, tokens
    nearest = 0
    for k in range(len(grid)):
        if abs(grid[k] - tokens) < abs(grid[nearest] - tokens):
            nearest = k
    return (slot_for(share, state.lanes[i].slots) - 1) * len(grid) + nearest
