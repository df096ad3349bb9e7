"""Objects of a list in a JSON document, one after another, however long the document is."""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.opening import TraceFile

_GAP = re.compile(r"[\s,]*")
_LONGEST_NAME = 200  # characters that may be a part of what is looked for
_DECODER = json.JSONDecoder()
_ARRAY = re.compile(r"\[")
_SIGN = re.compile(r"\S")


def read_array(file: TraceFile, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file that is a JSON array, with their lines."""
    text = JsonText(file, "")
    if not text.find(_ARRAY):
        return
    try:
        yield from text.objects(problems)
        text.find(_SIGN)  # the bracket that ends the list
        if behind := text.find(_SIGN):
            raise TraceError(file.path, text.line, "", f"holds {behind[0]!r} behind the end of its list")
    except TraceError as error:
        problems.add(error)


class JsonText:
    """A window on the text of a file, and a place in it that moves forward.

    Args:
        file: The file.
        field: Field that errors name: the list whose objects are read; empty if it has no name.

    Attributes:
        line: Line of the place, from 1.
    """

    def __init__(self, file: TraceFile, field: str) -> None:
        """Reads nothing yet."""
        self._field = field
        self._path = file.path
        self._pieces = file.pieces()
        self._longest = file.longest_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._window, self._at = "", 0
        self._ended = False
        self.line = 1

    def find(
        self, pattern: re.Pattern[str], passed: Callable[[str, int], None] = lambda text, line: None
    ) -> re.Match[str] | None:
        """Moves behind the next match, or to the end; `passed` gets what lies between, in parts, with their lines."""
        while True:
            if match := pattern.search(self._window, self._at):
                passed(self._window[self._at : match.end()], self.line)
                self._move(match.end())
                return match
            kept = max(self._at, len(self._window) - _LONGEST_NAME)
            passed(self._window[self._at : kept], self.line)
            self._move(kept)
            if not self._more():
                passed(self._window[self._at :], self.line)
                self._move(len(self._window))
                return None

    def objects(self, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of a list from this place on, with their lines; counts them.

        Raises:
            TraceError: Something else than an object is there.
        """
        while self.begins_object():
            problems.lines += 1
            line = self.line
            yield line, self.take_object()

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
        raise TraceError(self._path, self.line, self._field, problem)

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
                    raise TraceError(self._path, line, self._field, f"an object is not JSON ({error.msg})") from error
            except (ValueError, RecursionError) as error:
                raise TraceError(self._path, self.line, self._field, f"an object is not readable ({error})") from error
            else:
                self._move(end)
                return value
            if len(self._window) - self._at > self._longest:
                problem = f"an object has more than {self._longest:,} characters, a sixteenth of max_bytes"
                raise TraceError(self._path, self.line, self._field, problem)

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
