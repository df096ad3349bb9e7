"""The spans of a file, one after another, whatever the file puts around them.

Only one span is in memory at a time: a document of one line may have hundreds of megabytes. Spans are the objects of
the lists called `spans`; `"spans"` between plain quotes and before a colon can only be such a name, since quotes
inside strings are escaped.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.opening import TraceFile

_OPENS = re.compile(r'"trace_id"\s*:\s*"([^"\\]*)"|"spans"\s*:\s*\[')
_GAP = re.compile(r"[\s,]*")
_LONGEST_NAME = 200  # characters that may be a part of what `_OPENS` looks for
_DECODER = json.JSONDecoder()


def read_spans(file: TraceFile, problems: Problems) -> Iterator[Record]:
    """The spans of a file; one without a `trace_id` has that of what is around it.

    Raises:
        TraceError: A span is not JSON, and problems are not skipped; then the rest of its line is.
    """
    text = _Text(file)
    trace_id = ""
    while opening := text.find(_OPENS):
        if opening[1] is not None:
            trace_id = opening[1]
            continue
        try:
            yield from _list_of_spans(file, text, trace_id, problems)
        except TraceError as error:
            problems.add(error)
            text.skip_line()


def _list_of_spans(file: TraceFile, text: "_Text", trace_id: str, problems: Problems) -> Iterator[Record]:
    number = 0
    while text.begins_object():
        problems.lines += 1
        line = text.line
        content = {"trace_id": trace_id or None, **text.take_object()}
        yield Record(file.path, line, content, f"spans[{number}].")
        number += 1


class _Text:
    """A window on the text of a file, and a place in it that moves forward.

    Attributes:
        line: Line of the place, from 1.
    """

    def __init__(self, file: TraceFile) -> None:
        self._path = file.path
        self._pieces = file.pieces()
        self._longest = file.longest_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._window, self._at = "", 0
        self._ended = False
        self.line = 1

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Moves behind the next match, or to the end."""
        while True:
            if match := pattern.search(self._window, self._at):
                self._move(match.end())
                return match
            self._move(max(self._at, len(self._window) - _LONGEST_NAME))
            if not self._more():
                return None

    def begins_object(self) -> bool:
        """Moves behind blanks and commas; whether an object begins there, and not the end of the list.

        Raises:
            TraceError: The file ends, or something else stands there.
        """
        while True:
            gap = _GAP.match(self._window, self._at)
            self._move(gap.end() if gap else self._at)
            if self._at < len(self._window) or not self._more():
                break
        found = self._window[self._at : self._at + 1]
        if found and found in "{]":
            return found == "{"
        problem = f"holds {found!r} where an object is expected" if found else "the file ends inside: is it cut off?"
        raise TraceError(self._path, self.line, "spans", problem)

    def take_object(self) -> dict[str, Any]:
        """The object at this place; moves behind it.

        Raises:
            TraceError: It is not JSON, or too long.
        """
        while True:
            try:
                value, end = _DECODER.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                line = self.line + error.doc.count("\n", self._at, error.pos)
                if not _may_be_cut_off(error) or not self._more():
                    raise TraceError(self._path, line, "spans", f"a span is not JSON ({error.msg})") from error
            except (ValueError, RecursionError) as error:
                raise TraceError(self._path, self.line, "spans", f"a span is not readable ({error})") from error
            else:
                self._move(end)
                return value
            if len(self._window) - self._at > self._longest:
                problem = f"a span has more than {self._longest:,} characters, a sixteenth of max_bytes"
                raise TraceError(self._path, self.line, "spans", problem)

    def skip_line(self) -> None:
        """Moves to the next line, or to the end."""
        while (end := self._window.find("\n", self._at)) < 0:
            self._move(len(self._window))
            if not self._more():
                return
        self._move(end + 1)

    def _move(self, to: int) -> None:
        self.line += self._window.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        """Adds the next piece of the file to what is left of the window; whether there was one."""
        if self._ended:
            return False
        piece = next(self._pieces, b"")
        self._ended = not piece
        try:
            self._window = self._window[self._at :] + self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8 text (byte {error.object[error.start]:#04x} after this line); see iconv"
            raise TraceError(self._path, self.line, "", problem) from error
        self._at = 0
        return not self._ended


def _may_be_cut_off(error: json.JSONDecodeError) -> bool:
    """Whether more text may make it JSON: it ends in a string, or where something is wanted."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(error.doc) - 12
