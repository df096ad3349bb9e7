"""Conversations of vLLM's `benchmark_serving_multi_turn` (github.com/vllm-project/vllm, benchmarks/multi_turn).

A JSON array, or JSONL, of `{"id", "messages": [{"role", "content"}]}`. There are no times: clients play conversations
one after another. An output is as long as the recorded answer; lengths are characters / 4.
"""

from collections.abc import Iterator
from pathlib import Path

from agentsim_env.workload.traces.chat_messages import digest, read_message
from agentsim_env.workload.traces.errors import Problems, TraceError, shown
from agentsim_env.workload.traces.fields import Record
from agentsim_env.workload.traces.json_stream import read_array
from agentsim_env.workload.traces.lines import read_records
from agentsim_env.workload.traces.opening import TraceFile, trace_files
from agentsim_env.workload.traces.options import ReadOptions
from agentsim_env.workload.traces.report import Trace
from agentsim_env.workload.traces.sniff import Sample
from agentsim_env.workload.traces.text_sessions import OUTPUT_TOKENS, Session, TextSessions, Turn
from agentsim_env.workload.traces.texts import Message, estimated_tokens

_ANSWER = "assistant"


def detect(sample: Sample) -> bool:
    """Whether a file looks like such conversations."""
    return {"id", "messages"} <= sample.keys


def read(path: Path, options: ReadOptions) -> Trace:
    """Reads conversations; all arrive at 0, since there are no times."""
    problems = Problems(options.skip_bad_lines)
    files = trace_files(path, (".json", ".jsonl"), options.max_bytes)
    sessions: dict[str, Session] = {}
    for file in files:
        for session in _sessions(file, problems):
            if session.name in sessions:
                problem = f"{shown(session.name)} was used before; allowed: an id of its own for each conversation"
                problems.add(TraceError(*session.place, "id", problem))
                continue
            sessions[session.name] = session
    texts = TextSessions(options, "vllm_multi_turn")
    texts.add(sessions, problems)
    return texts.trace(len(files), problems)


def _sessions(file: TraceFile, problems: Problems) -> Iterator[Session]:
    if not file.beginning().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        yield from read_records([file], problems, _session)
        return
    for line, content in read_array(file, problems):
        try:
            yield _session(Record(file.path, line, content))
        except TraceError as error:
            problems.add(error)


def _session(record: Record) -> Session:
    """A conversation: a turn is the messages before an answer, and the answer's length."""
    turns: list[Turn] = []
    asked: list[Message] = []
    for at, item in enumerate(record.items("messages")):
        role, parts = read_message(record, f"messages[{at}]", item)
        said = digest(role, parts)
        if role != _ANSWER:
            asked.append(said)
            continue
        if not asked:
            raise record.error(f"messages[{at}].role", "is 'assistant' after no question; allowed: roles in turn")
        turns.append(Turn(tuple(asked), ("user",), estimated_tokens(said.chars)))
        asked = []
    if asked:
        turns.append(Turn(tuple(asked), ("user",), OUTPUT_TOKENS, is_guessed=True))
    if not turns:
        raise record.error("messages", "is empty; allowed: at least one")
    return Session(record.text("id"), turns, (), (record.path, record.line))
