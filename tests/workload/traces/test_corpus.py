"""The small made-up traces of ../shared/reproducers/traces: what each reads as, or is told.

Those above the line in each table went wrong once and have a row in the README there; the others are as they were.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from agentsim_env.workload.traces import TraceError, read_trace
from agentsim_env.workload.validation import validate
from tests.workload.traces.corpus import MOST_TOKENS, longest_context


class Totals(NamedTuple):
    """What a trace reads as; a span of None stands for no recorded times."""

    format: str
    sessions: int
    requests: int
    prompt_tokens: int
    output_tokens: int
    span_s: float | None = 0.0
    sorted_records: int = 0
    raised_outputs: int = 0
    chained_requests: int = 0


READ = {
    "agentsim_export.parquet": Totals("agentsim", 48, 774, 26_509_741, 88_892, 133.103),
    "valid.parquet": Totals("agentsim", 24, 385, 11_667_529, 43_115, 18.766),
    "batch_at_zero.jsonl": Totals("llmservingsim", 300, 300, 297_420, 53_154),
    "mc_session_unsorted.jsonl": Totals("mooncake", 1, 2, 2560, 20, 9.0, sorted_records=1),
    "mc_delta.jsonl": Totals("mooncake", 1, 2, 4782, 608),
    "shared_prompt_20.jsonl": Totals("mooncake", 1, 20, 22_190, 400, 1.9, chained_requests=19),
    "mc_request_id.jsonl": Totals("mooncake", 1, 2, 2560, 20, 0.5, chained_requests=1),
    "az_tz.csv": Totals("azure", 1, 1, 2162, 5),
    "one_session.jsonl": Totals("mooncake", 1, 2, 1500, 40, 9.0),
    "cc_1conv.jsonl": Totals("claude_code", 1, 3, 2304, 60, None),
    "cc_2conv.jsonl": Totals("claude_code", 2, 6, 4608, 120, None),
    "cc_3conv.jsonl": Totals("claude_code", 3, 9, 6912, 180, None),
    "cc_4conv.jsonl": Totals("claude_code", 4, 12, 9216, 240, None),
    # ---
    "ai_dep_later_line.jsonl": Totals("aisimulate", 1, 2, 320, 10),
    "ai_ok.jsonl": Totals("aisimulate", 1, 2, 320, 10),
    "az_2024.csv": Totals("azure", 2, 2, 4561, 11, 0.007406),
    "az_crlf_bom.csv": Totals("azure", 2, 2, 770, 153, 4.314579),
    "az_lmm.csv": Totals("azure", 2, 2, 2942, 262, 1.371),
    "az_unsorted.csv": Totals("azure", 2, 2, 770, 153, 4.0, sorted_records=1),
    "bg_4col.csv": Totals("burstgpt", 2, 2, 220, 350, 1.5),
    "bg_sessions.csv": Totals("burstgpt", 2, 3, 1092, 78, 40.0),
    "bl_parent_null.jsonl": Totals("bailian", 1, 1, 48, 5),
    "cc_2conv_differ.jsonl": Totals("claude_code", 2, 7, 5632, 140, None),
    "cc_v7.jsonl": Totals("claude_code", 1, 3, 3328, 85, None),
    "edge.jsonl": Totals("mooncake", 7, 7, 5389, 224, 360.0),
    "hot_prefix.jsonl": Totals("mooncake", 200, 200, 3_376_800, 40_000, 11.94),
    "huge_ctx_ok.jsonl": Totals("mooncake", 2, 2, 1_083_741_824, 1_073_741_924),
    "lss_float_ns.jsonl": Totals("llmservingsim", 1, 1, 100, 5),
    "lss_ids_short.jsonl": Totals("llmservingsim", 1, 1, 100, 5),
    "lss_sub.jsonl": Totals("llmservingsim", 1, 2, 190, 10),
    "lss_unsorted.jsonl": Totals("llmservingsim", 2, 2, 200, 10, 9.0, sorted_records=1),
    "lss_zero_out.jsonl": Totals("llmservingsim", 1, 1, 100, 0, raised_outputs=1),
    "mc.jsonl.gz": Totals("mooncake", 1, 1, 512, 10),
    "mc_bom.jsonl": Totals("mooncake", 2, 2, 1024, 20, 0.01),
    "mc_crlf.jsonl": Totals("mooncake", 2, 2, 1024, 20, 0.01),
    "mc_epoch_ms.jsonl": Totals("mooncake", 2, 2, 1024, 20, 1.0),
    "mc_negative_ts.jsonl": Totals("mooncake", 2, 2, 1024, 20, 0.01),
    "mc_null_ids.jsonl": Totals("mooncake", 2, 2, 1024, 8, 0.001),
    "mc_output_token_ids.jsonl": Totals("mooncake", 1, 2, 2560, 5, 0.5),
    "mc_u64.jsonl": Totals("mooncake", 4, 4, 4096, 20, 0.3),
    "mc_zero_out.jsonl": Totals("mooncake", 2, 2, 1024, 0, 0.01, raised_outputs=2),
    "smg1714.jsonl": Totals("mooncake", 120, 120, 3_840_000, 120, 29.75),
    "vllm35541.jsonl": Totals("mooncake", 15, 15, 5210, 750, 5.004),
}

REFUSED = {
    "az_cr_only.csv": r": its lines end in CR alone; allowed: LF, or CR and LF, as from tr",
    "lfs_pointer.jsonl": r": is a Git LFS pointer, not the file of 132,054,902 bytes itself; .* git lfs pull",
    "mc.jsonl.zst": r": damaged zstd file \(.*\); try to unpack it with zstd -d",
    "mc_array.json": r":1: is a JSON array of mooncake records; allowed: one JSON object a line, as from jq -c '.\[\]'",
    "mc_seconds.jsonl": r": time_unit: 3 times from 0 to 30 .* time_unit: s \(.* 30 s\) or time_unit: ms \(0.03 s\)",
    "mc_utf16.jsonl": r": is UTF-16 text; allowed: UTF-8, as from iconv -f UTF-16 -t UTF-8",
    "vidur.csv": r": is a trace of Vidur: rename its columns to t_s, in, out, and it is read as azure",
    # ---
    "ai_header_only.jsonl": r": holds no request that could be read as aisimulate",
    "ai_no_not_before.jsonl": r":2: not_before_ms: is missing",
    "ai_v3.jsonl": r":1: version: is 3; allowed: 2",
    "arrival_s.csv": r"arrival_s, input_tokens, output_tokens; .* single requests in any CSV .* t_s,in,out .* no known",
    "az_semicolon.csv": r"separated by ';' where ',' is expected.* no known trace format; known: ",
    "az_us.csv": r":2: timestamp: is '8/15/2025, .* PM'; allowed: a date and time in UTC",
    "az_zero_ctx.csv": r":3: contexttokens: is '0'; allowed: an integer from 1",
    "bg_all_failed.csv": r": holds no request that could be read as burstgpt",
    "bg_zero.csv": r":4: request tokens: is '0'; allowed: an integer from 1",
    "bl_dup.jsonl": r":2: chat_id: 1 was used before",
    "cc_global_scope.jsonl": r":1: hash_id_scope: is 'global'; allowed: local",
    "cc_unknown_type.jsonl": r":1: requests\[0\].type: is 'x'; allowed: n, s, subagent",
    "huge_ctx.jsonl": r":3: input_length: is 2147483648; allowed: an integer from 1 to 1073741824",
    "lss_bench.jsonl": r":1: arrival_time_ns: is missing; the nearest field here is arrival_time",
    "lss_ids_long.jsonl": r":1: input_tok_ids: has 3 ids of 1 tokens, but the prompt of 2 tokens has 2 such blocks",
    "mc_array_1line.jsonl": r":1: is a JSON array of mooncake records",
    "mc_block64.jsonl": r":1: hash_ids: has 10 ids of 512 tokens, .* trace_block_tokens",
    "mc_comment.jsonl": r": begins with '# my trace'; no known trace format; known: ",
    "mc_cut.jsonl.gz": r": damaged gzip file \(Compressed file ended",
    "mc_float_ids.jsonl": r":1: not readable \(a list of ids holds something else .* \[1.0 ",
    "mc_iso.jsonl": r":1: timestamp: is '2026-08-01T00:00:00Z'; allowed: a finite number",
    "mc_nan.jsonl": r":1: timestamp: is nan; allowed: a finite number",
    "mc_no_input.jsonl": r"nearest to mooncake, which also needs input_length; no known trace format; known: ",
    "mc_no_output.jsonl": r":1: output_length: is missing",
    "mc_no_timestamp.jsonl": r":1: timestamp: is missing",
    "mc_string_ids.jsonl": r':1: not readable \(a list of ids holds something else .* \["a1b2", ',
    "mc_string_numbers.jsonl": r":1: timestamp: is '0'; allowed: a finite number",
    "mc_text.jsonl": r": is requests of aiperf as texts; allowed: input_length, in tokens",
    "mc_too_many_ids.jsonl": r":2: hash_ids: has 2 ids of 512 tokens, .* 20 tokens has 1 such blocks",
    "mc_trailing_comma.jsonl": r":1: not JSON \(Extra data",
    "mc_truncated.jsonl": r":2: not JSON \(Unterminated string",
    "mc_zero_in.jsonl": r":3: input_length: is 0; allowed: an integer from 1",
    "native_ms.csv": r"timestamp \(here timestamp_ms\?\), contexttokens \(here prompt_tokens\?\).*t_s,in,out",
    "open_quote.csv": r":1: is no header of CSV \(.*\): is a quote not closed\?",
    "vidur_lengths.csv": r": is lengths of Vidur without arrival times: .* add t_s",
}


def test_every_file_is_in_a_table(reproducers: Path) -> None:
    assert {path.name for path in reproducers.iterdir()} == {*READ, *REFUSED}


@pytest.mark.parametrize("name", READ)
def test_what_reads(reproducers: Path, name: str) -> None:
    programs, report = read_trace(reproducers / name)
    if longest_context(programs) <= MOST_TOKENS:
        validate(programs)
    found = Totals(*(getattr(report, field) for field in Totals._fields))
    assert found._replace(span_s=None) == READ[name]._replace(span_s=None)
    assert found.span_s == pytest.approx(READ[name].span_s, abs=1e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(reproducers: Path, name: str) -> None:
    with pytest.raises(TraceError, match=REFUSED[name]) as caught:
        read_trace(reproducers / name)
    assert caught.value.path == reproducers / name
    assert "\n" not in str(caught.value)


def test_what_is_in_doubt_and_how_to_say_it(reproducers: Path) -> None:
    (doubt,) = read_trace(reproducers / "mc_delta.jsonl").report.doubts
    assert doubt.startswith("1 of 1 follow-ups have shorter prompts than the request before")
    delta = read_trace(reproducers / "mc_delta.jsonl", message_mode="delta")
    assert delta.programs.turn["prompt_tokens"].tolist() == [4190, 4190 + 592 + 592]
    assert (delta.report.delta_prompts, delta.report.doubts) == (1, ())
    seconds = read_trace(reproducers / "mc_seconds.jsonl", time_unit="s")
    assert seconds.programs.program["arrival_s"].tolist() == [0.0, 12.5, 30.0]
    milliseconds = read_trace(reproducers / "mc_seconds.jsonl", time_unit="ms")
    assert milliseconds.report.span_s == pytest.approx(0.03)
    alone = read_trace(reproducers / "shared_prompt_20.jsonl", sessions="named")
    assert (alone.report.sessions, alone.report.chained_requests) == (20, 0)


def test_time_beats_the_order_of_the_file(reproducers: Path) -> None:
    programs, report = read_trace(reproducers / "mc_session_unsorted.jsonl")
    assert programs.turn["prompt_tokens"].tolist() == [1024, 1536]
    assert "records out of time order, sorted: 1" in report.describe().splitlines()
