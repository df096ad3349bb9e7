"""YAML without surprises: safe types only, no key twice, numbers as in JSON, and the line of every value.

What a text could do to whoever reads it ends here, as an error with the line: nesting without end, aliases of aliases
that unfold to billions of values, tags that do not fit, numbers with thousands of digits.
"""

import copy
import re
from collections.abc import Hashable, Sequence
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError
from yaml.scanner import ScannerError

from agentsim_env.scenario.errors import ScenarioError, shorten

MOST_CHARACTERS = 4_000_000
"""Of a text: read in half a minute."""

MOST_VALUES = 200_000
"""Of a document, with what aliases stand for: as many arrivals, or a hundred times the longest scenario."""

DEEPEST = 50
"""Levels of nesting: five times that of the deepest field."""

_TOO_DEEP = f"is nested too deep; at most {DEEPEST} levels"

_INT = r"[-+]?(?:0b[0-1_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"
_FLOAT = (
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class _Loader(yaml.SafeLoader):
    """Safe loader that reads `1e-3` as a number (YAML 1.1 asks for a dot), and `1:40` not as one hundred."""

    yaml_implicit_resolvers = copy.deepcopy(yaml.SafeLoader.yaml_implicit_resolvers)

    _depth = 0

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        """A bracket opens; the time to find where it closes grows with the square of those that are open."""
        if self.flow_level > DEEPEST:
            raise ScannerError(None, None, _TOO_DEEP, self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The node that begins here; nesting that nobody means is an error before there is much of it."""
        if self._depth > DEEPEST:
            mark = self.peek_event().start_mark
            raise ComposerError(None, None, _TOO_DEEP, mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Hashable:
        """The value of a node; what its tag cannot make of it is an error of YAML's like any other."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, TypeError, AttributeError, LookupError) as error:
            tag = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"{shorten(repr(node.value))} is no {tag}", node.start_mark) from error


def _read_numbers(tag: str, pattern: str, first: str) -> None:
    """Replaces what a loader takes for numbers of a kind."""
    for character, resolvers in _Loader.yaml_implicit_resolvers.items():
        _Loader.yaml_implicit_resolvers[character] = [(t, r) for t, r in resolvers if t != tag]
    _Loader.add_implicit_resolver(tag, re.compile(pattern), list(first))


_read_numbers("tag:yaml.org,2002:int", _INT, "-+0123456789")
_read_numbers("tag:yaml.org,2002:float", _FLOAT, "-+0123456789.")


def parse(text: str, label: str) -> tuple[Any, yaml.Node | None]:
    """Reads one YAML document.

    Args:
        text: The document.
        label: What errors call it.

    Returns:
        The value, and the node tree for `line_of`; None and None for an empty document.

    Raises:
        ScenarioError: It is not YAML, is longer, deeper or has more values than a scenario could have, a mapping has a
            key twice, or an alias refers to what contains it.
    """
    if len(text) > MOST_CHARACTERS:
        raise ScenarioError(f"{label}: has {len(text):,} characters; at most {MOST_CHARACTERS:,}")
    try:
        return _parse(text, label)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{label}:{mark.line + 1}" if mark else label
        raise ScenarioError(f"{where}: not valid YAML: {_problem(error)}") from error


def _parse(text: str, label: str) -> tuple[Any, yaml.Node | None]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check(node, label)
        return loader.construct_document(node), node
    finally:
        loader.dispose()


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, ReaderError):
        return f"the character {ord(error.character) if isinstance(error.character, str) else error.character:#x}"
    return str(getattr(error, "problem", None) or error)


def line_of(node: yaml.Node | None, path: Sequence[str | int]) -> int | None:
    """Line (from 1) of the value at `path`, or of the deepest part of the path that exists; None without a node."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    for key in path:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == str(key):
                return key_node.start_mark.line + 1, value_node
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _check(node: yaml.Node, label: str) -> None:
    """Refuses keys that are given twice, aliases of what contains them, and what unfolds to too much."""
    sizes: dict[int, int] = {}
    above: set[int] = set()

    def fail(at: yaml.Node, path: tuple[str, ...], message: str) -> None:
        where = ".".join(path)
        raise ScenarioError(f"{label}:{at.start_mark.line + 1}: {f'{where}: ' if where else ''}{message}")

    def size_of(node: yaml.Node, path: tuple[str, ...]) -> int:
        """Values in a node, those behind aliases counted wherever they stand."""
        if id(node) in above:
            fail(node, path, "an alias refers to what contains it")
        if id(node) in sizes:
            return sizes[id(node)]
        above.add(id(node))
        size = 1
        for key, child in _children(node, path, fail):
            size += size_of(child, (*path, key))
            if size > MOST_VALUES:
                fail(node, path, f"has more than {MOST_VALUES:,} values, with what its aliases stand for")
        above.remove(id(node))
        sizes[id(node)] = size
        return size

    size_of(node, ())


def _children(node: yaml.Node, path: tuple[str, ...], fail: Any) -> Sequence[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        return [(str(i), item) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return []
    first_lines: dict[str, int] = {}
    for key_node, _ in node.value:
        key, line = shorten(str(key_node.value)), key_node.start_mark.line + 1
        if key in first_lines:
            fail(key_node, (*path, key), f"given twice, first in line {first_lines[key]}")
        first_lines[key] = line
    keys = [(shorten(str(key_node.value)), value) for key_node, value in node.value]
    return keys + [("key", key_node) for key_node, _ in node.value if not isinstance(key_node, yaml.ScalarNode)]
