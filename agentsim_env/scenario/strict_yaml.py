"""YAML without surprises: safe types only, no key twice, floats as in JSON, and the line of every value."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from agentsim_env.scenario.errors import ScenarioError


class _Loader(yaml.SafeLoader):
    """Safe loader that also reads `1e-3` as a number (YAML 1.1 asks for a dot)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse(text: str, label: str) -> tuple[Any, yaml.Node | None]:
    """Reads one YAML document.

    Args:
        text: The document.
        label: What errors call it.

    Returns:
        The value, and the node tree for `line_of`; None and None for an empty document.

    Raises:
        ScenarioError: It is not YAML, a mapping has a key twice, or an alias refers to what contains it.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        _refuse_duplicates(node, label, [], ())
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{label}:{mark.line + 1}" if mark else label
        raise ScenarioError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    finally:
        loader.dispose()


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


def _refuse_duplicates(node: yaml.Node, label: str, above: list[yaml.Node], path: tuple[str, ...]) -> None:
    if any(node is parent for parent in above):
        where = f"{label}:{node.start_mark.line + 1}: {'.'.join(path)}"
        raise ScenarioError(f"{where}: an alias refers to what contains it")
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _refuse_duplicates(item, label, [*above, node], (*path, str(i)))
    elif isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in first_lines:
                where = ".".join((*path, key))
                raise ScenarioError(f"{label}:{line}: {where}: given twice, first in line {first_lines[key]}")
            first_lines[key] = line
            _refuse_duplicates(value_node, label, [*above, node], (*path, key))
