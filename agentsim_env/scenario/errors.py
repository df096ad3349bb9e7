"""The one error that a wrong scenario raises."""

import difflib
from collections.abc import Collection

from agentsim_env.errors import AgentSimError

_LONGEST = 80


class ScenarioError(AgentSimError, ValueError):
    """A scenario cannot be read or is not valid.

    Each line of the message names the file, the field, its value and what is allowed.
    """


class MissingTraceError(ScenarioError):
    """There is nothing where a scenario says that its trace is."""


class TooFewProgramsError(ScenarioError):
    """A trace, or the part of it that is to be drawn from, holds fewer programs than an episode."""


def shorten(text: str, longest: int = _LONGEST) -> str:
    """The text, or its beginning where it is too long for a message."""
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def suggestion(value: object, allowed: Collection[str]) -> str:
    """The end of a message about a wrong name: the closest right one, and all of them."""
    if not allowed:
        return ""
    name = str(value)
    close = difflib.get_close_matches(name, allowed, n=1)
    if not close and name:
        close = [known for known in sorted(allowed) if known.startswith(name)]
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint}; allowed: {', '.join(sorted(allowed))}"
