"""What the fields of a part mean, from the strings below them: read when somebody asks, and not at every start."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from textwrap import dedent


@cache
def meanings(model: type) -> dict[str, str]:
    """The string below each field of a class, and of those that it inherits from; none where no source is to be had."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if "__annotations__" in vars(part):
            found.update(_below_fields(part))
    return found


def _below_fields(model: type) -> Iterator[tuple[str, str]]:
    try:
        (written,) = ast.parse(dedent(inspect.getsource(model))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return
    lines = getattr(written, "body", [])
    for field, below in pairwise(lines):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                yield name, inspect.cleandoc(text)
