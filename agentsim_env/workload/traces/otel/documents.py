"""The spans of a file, one after another, whatever the file puts around them.

Only one span is in memory at a time: a document of one line may have hundreds of megabytes. Spans are the objects of
the lists called `spans`; `"spans"` between plain quotes and before a colon can only be such a name, since quotes
inside strings are escaped.
"""

import re
from collections.abc import Iterator

from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_stream import JsonText
from agentsim_env.workload.traces.opening import TraceFile

_TOKEN = re.compile(r"""\\.|["{}\[\],]|[^\s"\\{}\[\],]+""", re.DOTALL)
_OPENS = re.compile(r'"trace_id"\s*:\s*"([^"\\]*)"|"spans"\s*:\s*\[')


def read_spans(file: TraceFile, problems: Problems) -> Iterator[Record]:
    """The spans of a file; one without a `trace_id` has that of what is around it.

    Raises:
        TraceError: A span is not JSON, and problems are not skipped; then the rest of its line is.
    """
    text = JsonText(file, "spans")
    around = _Around(file)
    trace_id = ""
    while True:
        try:
            opening = text.find(_OPENS, around.passed)
            if opening is None:
                around.ended(text.line)
                return
            if opening[1] is not None:
                trace_id = opening[1]
                continue
            yield from _list_of_spans(file, text, trace_id, problems)
        except TraceError as error:
            problems.add(error)
            around.is_followed = False  # where a document begins is not known any more
            text.skip_line()


def _list_of_spans(file: TraceFile, text: JsonText, trace_id: str, problems: Problems) -> Iterator[Record]:
    for number, (line, content) in enumerate(text.objects(problems)):
        yield Record(file.path, line, {"trace_id": trace_id or None, **content}, f"spans[{number}].")


class _Around:
    """What is around the lists of spans: whole documents, each with such a list.

    Attributes:
        is_followed: Whether brackets are counted.
    """

    def __init__(self, file: TraceFile) -> None:
        self.is_followed = True
        self._path = file.path
        self._depth = 0
        self._in_text = False
        self._has_spans = False

    def passed(self, text: str, line: int) -> None:
        """Counts the brackets of a part that has no spans, or ends where a list of them begins.

        Raises:
            TraceError: There is something that is no document, or a document without spans.
        """
        for token in _TOKEN.finditer(text) if self.is_followed else ():
            if problem := self._take(token[0]):
                raise TraceError(self._path, line + text.count("\n", 0, token.start()), "", problem)
        self._has_spans |= text.endswith("[") and self._depth > 0

    def ended(self, line: int) -> None:
        """The file ends.

        Raises:
            TraceError: It does so inside a document.
        """
        if self.is_followed and (self._depth > 0 or self._in_text):
            self.is_followed = False
            raise TraceError(self._path, line, "", "the file ends inside: is it cut off?")

    def _take(self, token: str) -> str:
        """Counts a bracket, a quote or a word; returns what is wrong with it, or nothing."""
        if self._in_text:
            self._in_text = token != '"'
        elif token == '"' and self._depth > 0:
            self._in_text = True
        elif token in "{[":
            self._has_spans &= self._depth > 0
            self._depth += 1
        elif self._depth > 0 and token in "}]":
            self._depth -= 1
            if self._depth == 0 and not self._has_spans:
                return "is a document without spans"
        elif self._depth == 0 and token != ",":
            return f"holds {shown(token)} where a document is expected"
        return ""
