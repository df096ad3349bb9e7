"""Prompts that are given as messages: how many tokens, and which of them they share.

A trace of texts names no blocks. Its prompts are lists of messages, and two prompts share the messages that they begin
with. The tree of all leading messages is kept with the tokens up to the end of each, so that what is shared is of the
same length in every prompt, and is turned into ids of blocks, which `PrefixTrie` compares.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CHARS_PER_TOKEN = 4
"""Characters of a token where a trace has only texts; what inference-perf takes, and close for English and code."""

MOST_NAMED_TOKENS = 2**24
"""Tokens of a prompt whose blocks get ids, so that an odd length takes no memory; longer contexts do not exist yet."""


class Message(NamedTuple):
    """What is known of a message once its text is forgotten.

    Attributes:
        key: Digest of role and content.
        chars: Characters of its content.
    """

    key: bytes
    chars: int


def message(role: str, *content: str) -> Message:
    """A message from its role and the pieces of its content; equal messages are equal."""
    digest = hashlib.blake2b(digest_size=12)
    for piece in (role, *content):
        encoded = piece.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded) + encoded)
    return Message(digest.digest(), sum(map(len, content)))


def estimated_tokens(chars: int) -> int:
    """Tokens of a text, at least 1."""
    return max(1, -(-chars // CHARS_PER_TOKEN))


class MessageTree:
    """The leading messages of all prompts; a node stands for all messages from the first to its own."""

    def __init__(self) -> None:
        """Starts empty."""
        self._next: dict[tuple[int, bytes], int] = {}
        self._end_tokens: list[int] = []

    def prompt(self, messages: Sequence[Message], tokens: int, behind: Sequence[int] = ()) -> list[int]:
        """The nodes of a prompt.

        Messages that no earlier prompt had here share by their characters what the known ones leave of the tokens.

        Args:
            messages: Its messages, those of `behind` left out.
            tokens: Its length.
            behind: Nodes that it begins with.
        """
        path = [*behind, *self.known(messages, behind)]
        begin = min(tokens, self._end_tokens[path[-1]]) if path else 0
        fresh = messages[len(path) - len(behind) :]
        chars = max(1, sum(part.chars for part in fresh))
        done = 0
        for at, part in enumerate(fresh):
            done += part.chars
            end = tokens if at == len(fresh) - 1 else begin + (tokens - begin) * done // chars
            path.append(self._grow(path[-1] if path else -1, part.key, end))
        return path

    def known(self, messages: Sequence[Message], behind: Sequence[int] = ()) -> list[int]:
        """The nodes of the messages that an earlier prompt had here too."""
        path: list[int] = []
        at = behind[-1] if behind else -1
        for part in messages:
            node = self._next.get((at, part.key))
            if node is None:
                break
            path.append(node)
            at = node
        return path

    def answer(self, path: Sequence[int], messages: Sequence[Message], end_tokens: int) -> int:
        """The node of the answer to a prompt, which ends at so many tokens; -1 if it has no message."""
        if not messages:
            return -1
        node = path[-1] if path else -1
        for part in messages:
            after = self._next.get((node, part.key))
            node = self._grow(node, part.key, end_tokens) if after is None else after
        return node

    def private(self, end_tokens: int) -> int:
        """A node that no other prompt has."""
        self._end_tokens.append(end_tokens)
        return len(self._end_tokens) - 1

    def block_ids(self, path: Sequence[int], tokens: int, block_tokens: int) -> np.ndarray:
        """An id for each full block of a prompt: the message that holds the block's last token.

        What stands beyond the last message (a prompt that is longer than an equal one was) belongs to no other prompt.
        """
        ends = [self._end_tokens[node] for node in path]
        nodes = list(path)
        if not ends or max(ends) < tokens:
            nodes.append(self.private(tokens))
            ends.append(tokens)
        n_blocks = min(tokens, MOST_NAMED_TOKENS) // block_tokens
        last_token = np.arange(1, n_blocks + 1, dtype=np.int64) * block_tokens - 1
        holder = np.searchsorted(np.maximum.accumulate(ends), last_token, side="right")
        return np.array(nodes, dtype=np.int64)[holder]

    def _grow(self, node: int, key: bytes, end_tokens: int) -> int:
        self._next[node, key] = self.private(end_tokens)
        return self._next[node, key]
