"""What to say of a file of no known format: what it is like, and what to do."""

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_LEAST = 0.3  # likeness below which nothing is said
_MOST_OF_OTHERS = 0.95  # likeness of a name that is not the same
_MOST_FIELDS = 12
_LONGEST_NAME = 60
_SAME = {
    "input": ("prompt", "context", "prefill", "request"),
    "output": ("completion", "generated", "response", "decode"),
}


class _Known(NamedTuple):
    """A file that other tools write and no reader here reads."""

    fields: frozenset[str]
    advice: str


_LENGTHS = (
    "allowed: lengths in tokens, as the model's tokenizer counts them, in a CSV with the columns t_s,in,out or in"
    " another format of docs/traces.md"
)
_ELSEWHERE = (
    _Known(
        frozenset({"arrived_at", "num_prefill_tokens", "num_decode_tokens"}),
        "a trace of Vidur: rename its columns to t_s, in, out, and it is read as azure",
    ),
    _Known(
        frozenset({"num_prefill_tokens", "num_decode_tokens"}),
        "lengths of Vidur without arrival times: name its columns in, out, add t_s, and it is read as azure",
    ),
    _Known(frozenset({"conversations"}), f"conversations as texts; {_LENGTHS}"),
    _Known(frozenset({"text_input"}), "requests of aiperf as texts; allowed: input_length, in tokens"),
)


def written_elsewhere(names: Iterable[str]) -> str:
    """What other tools' file has these fields, with what to do, after "is"; empty if none that is known."""
    found = frozenset(names)
    return next((known.advice for known in _ELSEWHERE if known.fields <= found), "")


def advice(names: Sequence[str], layouts: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """What a file with these fields is nearest to, and lacks.

    Args:
        names: Names of its fields or columns.
        layouts: Formats that can be read, each with the fields that it cannot do without.

    Returns:
        A part of a sentence; empty if it is near to nothing.
    """
    best = max(layouts, key=lambda layout: _likeness(names, layout[1]), default=None)
    if best is None or _likeness(names, best[1]) < _LEAST:
        return ""
    own = [name.lower() for name in names]
    missing = [name for name in best[1] if name.lower() not in own]
    spare = [name for name in names if name.lower() not in best[1]]
    if not missing and any(name not in names for name in best[1]):
        return f"it is {best[0]} except for capitals; allowed: {', '.join(best[1])}"
    hints = (f"{name} (here {like}?)" if (like := closest(name, spare)) else name for name in missing)
    return f"it is nearest to {best[0]}, which also needs {', '.join(hints)}" if missing else ""


def listed(found: Iterable[str]) -> str:
    """Names of fields, the first few of many, each shortened."""
    names = [name[:_LONGEST_NAME] for name in found]
    return ", ".join(names[:_MOST_FIELDS]) + (", ..." if len(names) > _MOST_FIELDS else "")


def _likeness(names: Sequence[str], fields: tuple[str, ...]) -> float:
    """How much of `fields` the names have, 0 to 1; similar names count for as much as they are similar."""
    return sum(_ratio(name, closest(name, names)) for name in fields) / len(fields)


def closest(name: str, names: Sequence[str]) -> str:
    """The one of `names` that is most like `name`; empty if none is."""
    plain = {_plain(own): own for own in names}
    close = difflib.get_close_matches(_plain(name), list(plain), n=1)
    return plain[close[0]] if close else ""


def _ratio(name: str, other: str) -> float:
    if not other or name.lower() == other.lower():
        return float(bool(other))
    return min(_MOST_OF_OTHERS, difflib.SequenceMatcher(None, _plain(name), _plain(other)).ratio())


def _plain(name: str) -> str:
    """A name without capitals and underscores, and with one word for what different tools call differently."""
    name = name.lower().replace("_", "").replace(" ", "").replace("length", "tokens")
    for word, others in _SAME.items():
        for other in others:
            name = name.replace(other, word)
    return name
