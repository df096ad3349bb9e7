"""How contexts grow from turn to turn, and where one starts anew because it would not fit."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np

from agentsim_env.workload.shapes import ragged


class Contexts(NamedTuple):
    """Contexts whose turns stand one after the other.

    Attributes:
        first: First turn of each context, ascending, shape (contexts,).
        of: Context of each turn, shape (turns,).
        node: Node of the family's forest that each context starts from, shape (contexts,).
    """

    first: np.ndarray
    of: np.ndarray
    node: np.ndarray

    def cut(self, turns: np.ndarray) -> Self:
        """The contexts with a new one, from the same node, at each of `turns`."""
        if len(turns) == 0:
            return self
        starts = np.zeros(len(self.of), bool)
        starts[self.first] = True
        starts[turns] = True
        first = np.flatnonzero(starts)
        return type(self)(first, starts.cumsum() - 1, self.node[self.of[first]])


def grow(
    first: np.ndarray, of: np.ndarray, base_tokens: np.ndarray, new_tokens: np.ndarray, output_tokens: np.ndarray
) -> np.ndarray:
    """Whole prompt of each turn: what its context starts from, all earlier turns of the context, its own new tokens.

    Args:
        first: First turn of each context.
        of: Context of each turn.
        base_tokens: Tokens that each context starts from.
        new_tokens: Tokens that each turn appends before it generates.
        output_tokens: Tokens that each turn generates.
    """
    used = new_tokens + output_tokens
    prompt = used.cumsum()
    prompt -= used
    prompt += (base_tokens - prompt[first])[of]
    prompt += new_tokens
    return prompt


def grow_within(
    limit_tokens: int,
    contexts: Contexts,
    base_tokens: np.ndarray,
    new_tokens: np.ndarray,
    output_tokens: np.ndarray,
    compacted: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grows contexts and compacts each one where prompt and output would exceed what the model can hold.

    A turn that alone is too long for a fresh context brings only what fits.

    Args:
        limit_tokens: Longest context; base and any output must fit with a token to spare.
        contexts: The contexts.
        base_tokens: Tokens that each context starts from.
        new_tokens: Tokens that each turn appends.
        output_tokens: Tokens that each turn generates.
        compacted: Gives the tokens that a compacted context brings beyond its base, for an array of turns.

    Returns:
        Whole prompt and new tokens of each turn, and the turns at which a compacted context starts.
    """
    prompt = grow(contexts.first, contexts.of, base_tokens, new_tokens, output_tokens)
    over = np.flatnonzero(prompt + output_tokens > limit_tokens)
    if len(over) == 0:
        return prompt, new_tokens, over
    new_tokens = new_tokens.copy()
    base_of = base_tokens[contexts.of]
    room = limit_tokens - base_of - output_tokens
    turns, first, of = np.arange(len(prompt)), contexts.first, contexts.of
    cuts = []
    while len(over):
        # `turns` are whole contexts, one after the other, with their first turns at `first`. Each that is too long is
        # cut at its first turn that is, and what follows is grown again as a context of its own.
        context = of[over]
        earliest = np.flatnonzero(context[1:] != context[:-1]) + 1
        cut = over[np.concatenate([[0], earliest])]
        context = of[cut]
        is_first = first[context] == cut
        alone, split = turns[cut[is_first]], turns[cut[~is_first]]
        new_tokens[alone] = room[alone]
        new_tokens[split] = compacted(split)
        cuts.append(split)

        lengths = np.append(first[1:], len(turns))[context] - cut
        turns = turns[ragged(cut, lengths)]
        first, of = lengths.cumsum() - lengths, np.repeat(np.arange(len(cut)), lengths)
        output = output_tokens[turns]
        grown = grow(first, of, base_of[turns[first]], new_tokens[turns], output)
        prompt[turns] = grown
        over = np.flatnonzero(grown + output > limit_tokens)
    return prompt, new_tokens, np.concatenate(cuts)
