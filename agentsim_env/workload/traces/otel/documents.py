"""The spans of a file, one after another, whatever the file puts around them.

Only one span is in memory at a time: a document of one line may have hundreds of megabytes. Spans are the objects of
the lists called `spans`; `"spans"` between plain quotes and before a colon can only be such a name, since quotes
inside strings are escaped.
"""

import re
from collections.abc import Iterator

from agentsim_env.workload.traces.errors import Problems, TraceError
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_stream import JsonText
from agentsim_env.workload.traces.opening import TraceFile

_OPENS = re.compile(r'"trace_id"\s*:\s*"([^"\\]*)"|"spans"\s*:\s*\[')


def read_spans(file: TraceFile, problems: Problems) -> Iterator[Record]:
    """The spans of a file; one without a `trace_id` has that of what is around it.

    Raises:
        TraceError: A span is not JSON, and problems are not skipped; then the rest of its line is.
    """
    text = JsonText(file, "spans")
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


def _list_of_spans(file: TraceFile, text: JsonText, trace_id: str, problems: Problems) -> Iterator[Record]:
    for number, (line, content) in enumerate(text.objects(problems)):
        yield Record(file.path, line, {"trace_id": trace_id or None, **content}, f"spans[{number}].")
