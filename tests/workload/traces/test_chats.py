"""Mooncake, Bailian, BurstGPT and Azure: requests with arrival times."""

import gzip
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentsim_env.workload.traces import ServiceEstimate, TraceError, prefix_reuse, read_trace
from agentsim_env.workload.validation import validate

Write = Callable[..., Path]
INSTANT = ServiceEstimate(0.0, 0.0, 0.0)


def mooncake(t_ms: float, prompt: int, ids: list[int], output: int = 10, **more: object) -> dict[str, object]:
    return {"timestamp": t_ms, "input_length": prompt, "output_length": output, "hash_ids": ids, **more}


def test_mooncake_sessions_gaps_and_shared_prefix(jsonl: Write) -> None:
    path = jsonl(
        [
            mooncake(1000, 1100, [0, 1, 2]),
            mooncake(2000, 600, [0, 7]),
            mooncake(31000, 2000, [0, 1, 3, 4]),
        ]
    )
    programs, report = read_trace(path, service=ServiceEstimate(1.0, 0.1, 0.0))
    validate(programs)
    assert programs.program["arrival_s"].tolist() == [0.0, 1.0]
    assert programs.program["n_turns"].tolist() == [2, 1]
    assert programs.edge["gap_s"].tolist() == [pytest.approx(28.0)]  # 30 s less 1 s and 10 tokens of 0.1 s
    assert [tool.name for tool in programs.tools] == ["user"]
    assert programs.turn["new_tokens"].tolist() == [1100, 890, 600]
    assert (report.format, report.requests, report.sessions, report.lines) == ("mooncake", 3, 2, 3)
    assert report.prompt_tokens == 3700
    assert report.output_tokens == 30


def test_mooncake_gap_is_never_negative(jsonl: Write) -> None:
    path = jsonl([mooncake(0, 1100, [0, 1, 2]), mooncake(1000, 2000, [0, 1, 3, 4])])
    assert read_trace(path, service=ServiceEstimate(5.0)).programs.edge["gap_s"].tolist() == [0.0]


def test_mooncake_named_sessions_and_delays(jsonl: Write) -> None:
    rows = [
        mooncake(0, 600, [1, 2], session_id="a"),
        mooncake(500, 600, [5, 6], session_id="b"),
        {"session_id": "a", "input_tokens": 700, "output_tokens": 5, "hash_ids": [1, 3], "delay": 1500},
    ]
    programs = read_trace(jsonl(rows)).programs
    assert programs.program["n_turns"].tolist() == [2, 1]
    assert programs.edge["gap_s"].tolist() == [1.5]
    rows[2]["session_id"] = "c"
    with pytest.raises(TraceError, match=r"trace.jsonl:3: timestamp: is missing"):
        read_trace(jsonl(rows))


def test_mooncake_without_ids_and_out_of_order(jsonl: Write) -> None:
    rows = [{"timestamp": t, "input_length": 100, "output_length": 0} for t in (3000, 1000, 2000)]
    programs, report = read_trace(jsonl(rows))
    assert programs.program["arrival_s"].tolist() == [0.0, 1.0, 2.0]
    assert programs.turn["output_tokens"].tolist() == [1, 1, 1]
    assert (report.raised_outputs, report.output_tokens) == (3, 0)


@pytest.mark.parametrize("name", ["trace.jsonl", "trace.jsonl.gz"])
def test_broken_lines_are_named_or_counted(jsonl: Write, name: str) -> None:
    good = mooncake(0, 600, [1, 2])
    rows = [
        good,
        "",
        '{"timestamp": 0, "input_length": 6',
        mooncake(0, 600, [1, 2, 3]),
        {**good, "input_length": "many"},
        {**good, "output_length": -1},
        {**good, "hash_ids": [1, 2.5]},
        {**good, "hash_ids": "all"},
        {key: value for key, value in good.items() if key != "timestamp"},
        "[1, 2]",
        good,
    ]
    path = jsonl(rows, name)
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert (caught.value.path, caught.value.line) == (path, 3)
    programs, report = read_trace(path, skip_bad_lines=True)
    assert [line.line for line in report.bad_lines] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert report.lines == 10
    assert len(programs.turn) == report.requests == 2
    messages = [line.message for line in report.bad_lines]
    assert messages[0].startswith("not JSON")
    assert messages[1].startswith("hash_ids: has 3 ids of 512 tokens, but the prompt of 600 tokens has 2 such blocks")
    assert messages[2] == "input_length: is 'many'; allowed: an integer from 1 to 1073741824"
    assert messages[3] == "output_length: is -1; allowed: an integer from 0 to 1073741824"
    assert "integers of 64 bits" in messages[4]
    assert messages[5] == "hash_ids: is 'all'; allowed: a list of integers"
    assert messages[6] == "timestamp: is missing (also looked for created_time)"
    assert messages[7] == "is a list; allowed: a JSON object"


def test_hashes_of_64_bits(jsonl: Write) -> None:
    big = 2**64 - 1
    programs = read_trace(jsonl([mooncake(0, 1000, [big, 1]), mooncake(1, 1000, [big, 2])])).programs
    assert prefix_reuse(programs) == 512 / 2000


def bailian(chat: int, parent: int, t_s: float, prompt: int, ids: list[int], **more: object) -> dict[str, object]:
    row = {"chat_id": chat, "parent_chat_id": parent, "timestamp": t_s, "input_length": prompt, "output_length": 16}
    return {**row, "type": "text", "turn": 1, "hash_ids": ids, **more}


def test_bailian_chains_by_parent(jsonl: Write) -> None:
    path = jsonl(
        [
            bailian(5, -1, 10.0, 32, [1, 2]),
            bailian(6, 99, 11.0, 32, [1, 9], type="search"),
            bailian(7, 5, 20.0, 80, [1, 2, 3, 4, 5]),
        ]
    )
    programs, report = read_trace(path, service=INSTANT)
    validate(programs)
    assert report.format == "bailian"
    assert programs.program["n_turns"].tolist() == [2, 1]
    assert [programs.families[family] for family in programs.program["family"]] == ["text", "search"]
    assert programs.edge["gap_s"].tolist() == [10.0]
    assert programs.turn["segment"][0] == programs.turn["segment"][1]  # 80 tokens hold 32 + 16 and what was appended
    assert programs.turn["new_tokens"].tolist() == [32, 32, 32]
    assert prefix_reuse(programs) == (48 - 16 + 16) / 144  # the last generated token has no KV yet, hence 32 + 16


def test_bailian_refuses_a_chat_twice(jsonl: Write) -> None:
    path = jsonl([bailian(5, -1, 0.0, 32, [1, 2]), bailian(5, -1, 1.0, 32, [1, 2])])
    with pytest.raises(TraceError, match=r":2: chat_id: 5 was used before"):
        read_trace(path)


def test_bailian_counts_parents_that_come_later(jsonl: Write) -> None:
    path = jsonl([bailian(5, 6, 0.0, 32, [1, 2]), bailian(6, -1, 1.0, 32, [1, 2]), bailian(7, 7, 2.0, 32, [1, 2])])
    report = read_trace(path).report
    assert report.sessions == 3
    assert report.doubts == ("2 requests follow up one that is not before them; they begin sessions",)


def test_burstgpt_skips_failures(jsonl: Write) -> None:
    rows = [
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
        "5,ChatGPT,472,18,490,Conversation log",
        "45,ChatGPT,1087,0,1087,Conversation log",
        "118.5,GPT-4,417,276.0,693,API log",
    ]
    programs, report = read_trace(jsonl(rows, "burst.csv"))
    validate(programs)
    assert (report.format, report.requests, report.failed_requests, report.lines) == ("burstgpt", 2, 1, 3)
    assert programs.program["arrival_s"].tolist() == [0.0, 113.5]
    assert programs.turn["prompt_tokens"].tolist() == [472, 417]
    assert programs.turn["output_tokens"].tolist() == [18, 276]


def test_burstgpt_sessions(jsonl: Write) -> None:
    rows = [
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type",
        "10,a,4,ChatGPT,100,20,120,Conversation log",
        "12,,1,ChatGPT,100,20,120,API log",
        "30,a,4,ChatGPT,150,20,170,Conversation log",
    ]
    programs, report = read_trace(jsonl(rows, "burst.csv"))
    validate(programs)
    assert programs.program["n_turns"].tolist() == [2, 1]
    assert programs.edge["gap_s"].tolist() == [16.0]
    assert programs.turn["new_tokens"].tolist() == [100, 30, 100]
    assert report.sessions == 2


def test_csv_errors_name_line_and_column(jsonl: Write) -> None:
    rows = ["t_s,in,out", "0.0,10,5", "1.0,ten,5", "2.0,10", "inf,10,5", "4.0,0,5", "5.0,10,5"]
    path = jsonl(rows, "azure.csv")
    with pytest.raises(TraceError, match=r"azure.csv:3: in: is 'ten'; allowed: an integer from 1 to"):
        read_trace(path)
    report = read_trace(path, skip_bad_lines=True).report
    assert [line.line for line in report.bad_lines] == [3, 4, 5, 6]
    assert report.requests == 2


def test_azure_dates(jsonl: Write) -> None:
    rows = [
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        "2023-11-16 18:15:46.6805900,374,44",
        "2023-11-16 18:15:50.9951690,396,109",
        "2024-05-10 00:00:00.009930+00:00,879,0",
    ]
    programs, report = read_trace(jsonl(rows, "azure.csv.gz"))
    validate(programs)
    assert programs.program["arrival_s"][:2] == pytest.approx([0.0, 4.314579], abs=1e-6)
    assert report.raised_outputs == 1
    rows[1] = "yesterday,374,44"
    with pytest.raises(TraceError, match=r":2: timestamp: is 'yesterday'; allowed: a date and time in UTC"):
        read_trace(jsonl(rows, "azure.csv"))


def test_azure_totals(shared_data: Path) -> None:
    programs, report = read_trace(shared_data / "traces" / "azure2023_conv.csv")
    validate(programs)
    assert report.requests == 19_366
    assert round(report.prompt_tokens / report.requests) == 1155
    assert round(report.output_tokens / report.requests) == 211


def test_mooncake_totals(public_traces: Path) -> None:
    programs, report = read_trace(public_traces / "mooncake_conversation.jsonl")
    validate(programs)
    assert (report.format, report.requests, report.sessions) == ("mooncake", 12_031, 8_132)
    assert round(report.prompt_tokens / report.requests) == 12_035
    assert round(report.output_tokens / report.requests) == 343
    turns = programs.program["n_turns"]
    assert turns.max() == 43
    assert round(float(turns[turns > 1].mean()), 2) == 2.97
    assert round(float(turns[turns > 1].sum()) / len(programs.turn), 3) == 0.489
    assert prefix_reuse(programs) > prefix_reuse(programs, generated=False)


def test_mooncake_reuse_equals_that_of_its_hashes(public_traces: Path) -> None:
    path = public_traces / "mooncake_conversation.jsonl"
    programs = read_trace(path, reuse_generated=False).programs
    seen: set[int] = set()
    hit = asked = 0
    with path.open() as lines:
        for row in map(json.loads, lines):
            known = next((i for i, block in enumerate(row["hash_ids"]) if block not in seen), len(row["hash_ids"]))
            hit += min(known * 512, row["input_length"])
            asked += row["input_length"]
            seen.update(row["hash_ids"])
    assert prefix_reuse(programs, generated=False) == pytest.approx(hit / asked, abs=1e-4)
    assert round(hit / asked, 3) == 0.374


def test_mooncake_sessions_are_those_of_the_reconstruction(shared_data: Path, public_traces: Path) -> None:
    with gzip.open(shared_data / "traces" / "mooncake_conversation.jsonl.gz", "rt") as lines:
        sizes = Counter(json.loads(line)["sid"] for line in lines)
    programs = read_trace(public_traces / "mooncake_conversation.jsonl").programs
    assert Counter(programs.program["n_turns"].tolist()) == Counter(sizes.values())


def test_mooncake_gaps_follow_arrivals(public_traces: Path) -> None:
    programs = read_trace(public_traces / "mooncake_conversation.jsonl", service=INSTANT).programs
    gaps_s = programs.edge["gap_s"]
    assert math.isclose(float(np.median(gaps_s)), 126.0, abs_tol=1.0)  # README: gap between arrivals, p50
    assert round(float(gaps_s.mean())) == 218


def test_a_line_of_another_format_is_no_mooncake(jsonl: Write, tmp_path: Path) -> None:
    chat = {"chat_id": 5, "parent_chat_id": -1, "timestamp": 10.0, "input_length": 32, "output_length": 9}
    (tmp_path / "folder").mkdir()
    jsonl([mooncake(0, 600, [1, 2])], "folder/a.jsonl")
    jsonl([chat], "folder/b.jsonl")
    with pytest.raises(TraceError, match=r"b\.jsonl:1: chat_id: is of another format than the lines before"):
        read_trace(tmp_path / "folder")
    named = read_trace(jsonl([chat, {**chat, "chat_id": 6}]), format="mooncake").report
    assert (named.format, named.requests) == ("mooncake", 2)


def test_whole_numbers_written_as_decimals_name_the_same(jsonl: Write) -> None:
    first = {"chat_id": 5, "parent_chat_id": -1.0, "timestamp": 10.0, "input_length": 32, "output_length": 9}
    report = read_trace(jsonl([first, {**first, "chat_id": 6, "parent_chat_id": 5.0, "timestamp": 60.0}])).report
    assert (report.sessions, report.doubts) == (1, ())


def test_a_chat_that_follows_up_one_that_is_not_here_is_told(jsonl: Write) -> None:
    row = {"chat_id": 5, "parent_chat_id": 4, "timestamp": 10.0, "input_length": 32, "output_length": 9}
    assert read_trace(jsonl([row])).report.doubts == ("1 requests follow up one that is not here; they begin sessions",)


@pytest.mark.parametrize("offset", ["+99:00", "+24:00", "-05:75"])
def test_an_offset_that_cannot_be_is_no_date(tmp_path: Path, offset: str) -> None:
    path = tmp_path / "azure.csv"
    path.write_text(f"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-20 20:00:00{offset},3,4\n")
    with pytest.raises(TraceError, match=r"timestamp: is .*; allowed: a date and time in UTC, or with its offset"):
        read_trace(path)
