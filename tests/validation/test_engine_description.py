from pathlib import Path

import pytest

from agentsim_env.errors import AgentSimWarning
from agentsim_env.validation.engine_description import Constants, load_engine, shipped_engines
from agentsim_env.validation.problems import ValidationError


def described(folder: Path, text: str) -> Path:
    file = folder / "engine.yaml"
    file.write_text(text)
    return file


def test_constants_add_to_the_profile(tmp_path: Path) -> None:
    text = "gpu: H100\nmodel: Llama-3.1-8B\n"
    plain = load_engine(described(tmp_path, text)).latency(1)
    more = text + "constants: {step_s: 0.001, sequence_s: 0.00001, chunk_s: 0.002}\n"
    costly = load_engine(described(tmp_path, more)).latency(1)
    for contexts, chunks in (([500] * 7, []), ([500] * 200, []), ([500] * 3, [(100, 0)])):
        added = costly.iteration_s(contexts, chunks) - plain.iteration_s(contexts, chunks)
        expected = 0.001 - plain.overhead_s + 1e-5 * (len(contexts) + len(chunks)) + (0.002 if chunks else 0.0)
        assert added == pytest.approx(expected, abs=1e-9)


def test_a_list_of_tp_gives_an_engine_for_each(tmp_path: Path) -> None:
    engine = load_engine(described(tmp_path, "gpu: H100\nmodel: Llama-3.1-70B\ntp: [4, 8]\nreplicas: 2\n"))
    four, eight = engine.engines(4), engine.engines(8)
    assert [len(four), four[0].tp, eight[0].tp] == [2, 4, 8]
    assert eight[0].kv_blocks > four[0].kv_blocks


def test_an_engine_that_schedules_ahead_says_so(tmp_path: Path) -> None:
    text = "gpu: H100\nmodel: Llama-3.1-8B\n"
    ahead = load_engine(described(tmp_path, text + "async_scheduling: true\n")).engines()
    assert ahead[0].async_scheduling
    assert not load_engine(described(tmp_path, text)).engines()[0].async_scheduling


def test_a_named_engine_brings_its_constants_and_a_description_may_replace_them(tmp_path: Path) -> None:
    text = "gpu: H100\nmodel: Llama-3.1-8B\nsampling: whole\n"
    plain, named, own = (
        load_engine(described(tmp_path, text + more))
        for more in ("", "engine: vllm-0.19\n", "engine: vllm-0.19\nconstants: {step_s: 0.002, sequence_s: 0.0}\n")
    )
    assert named.engines()[0].async_scheduling
    step = [500] * 60
    usual_s = plain.latency(1).iteration_s(step) - plain.latency(1).overhead_s
    assert named.latency(1).iteration_s(step) == pytest.approx(usual_s + 60 * 9e-6)
    assert own.latency(1).iteration_s(step) == pytest.approx(usual_s + 0.002)


def test_a_link_between_the_ranks_can_be_named(tmp_path: Path) -> None:
    text = "gpu: RTX-PRO-6000\nmodel: Qwen3-32B\ntp: 2\n"
    with pytest.warns(AgentSimWarning, match="RTX-PRO-6000, Qwen3-32B: tp 2 over PCIe"):
        usual = load_engine(described(tmp_path, text)).engines()[0].profile
    slow = load_engine(described(tmp_path, text + "interconnect: pcie-5-acs\n")).engines()[0].profile
    assert slow.iteration_s([500] * 60) > 1.05 * usual.iteration_s([500] * 60)


def test_steps_without_a_graph_take_at_least_their_launch(tmp_path: Path) -> None:
    text = "gpu: B200\nmodel: Llama-3.1-8B\nmax_num_batched_tokens: 8192\n"
    plain = load_engine(described(tmp_path, text)).latency(1)
    launched = load_engine(described(tmp_path, text + "constants: {eager_s: 0.05}\n")).latency(1)
    assert launched.iteration_s([500] * 60) == pytest.approx(plain.iteration_s([500] * 60))
    assert launched.dense_layers_s(512) == pytest.approx(plain.dense_layers_s(512))
    assert launched.dense_layers_s(600) == pytest.approx(0.05)
    assert launched.dense_layers_s(16384) == plain.dense_layers_s(16384) > 0.05
    doubling = text + "tp: 4\nconstants: {eager_s: 0.05, eager_doubling_s: 0.01}\n"
    assert load_engine(described(tmp_path, doubling)).latency(4).dense_layers_s(600) == pytest.approx(0.07)


def test_replicas_that_share_experts_are_one_engine(tmp_path: Path) -> None:
    text = "gpu: RTX-PRO-6000\nmodel: Qwen3-30B-A3B\nmax_num_seqs: 128\nkv_blocks: 1000\n"
    alone = load_engine(described(tmp_path, text)).engines()
    together = load_engine(described(tmp_path, text + "replicas: 2\nexpert_parallel: true\n")).engines()
    assert len(alone) == len(together) == 1
    assert (together[0].kv_blocks, together[0].max_num_seqs, together[0].max_num_batched_tokens) == (2000, 256, 4096)
    # Each rank reads half of the experts and half of the KV, but the ranks exchange every token.
    one, two = (engines[0].profile.iteration_s([1000] * 128) for engines in (alone, together))
    assert 0.5 * one < two < 0.75 * one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu: H100\n", "model: Field required"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nmax_seqs: 3\n", "max_seqs: unknown; known are: gpu, model, tp"),
        ("gpu: H10\nmodel: Llama-3.1-8B\n", "unknown GPU 'H10'"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nconstants: {step_s: -1}\n", "constants.step_s"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nmax_num_seqs: 4096\n", "must not exceed max_num_batched_tokens"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nexpert_parallel: true\n", "has no experts"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nengine: vllm-0.9\n", "unknown engine 'vllm-0.9'; did you mean 'vllm-0.19'?"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nsampling: beam\n", "unknown sampling 'beam'; known: model, whole"),
        ("gpu: H100\nmodel: Llama-3.1-8B\ninterconnect: ib\n", "unknown interconnect 'ib'; known: nvlink-3"),
        ("gpu: H100\nmodel: Llama-3.1-8B\nall_reduce_factor: -1\n", "all_reduce_factor"),
        ("- gpu\n", "must be a mapping"),
        ("gpu: [\n", "not YAML"),
    ],
)
def test_errors_name_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    file = described(tmp_path, text)
    with pytest.raises(ValidationError) as error:
        load_engine(file)
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ValidationError, match=r"shipped are: .*rtx-4090"):
        load_engine("rtx-5090")


@pytest.mark.parametrize("name", shipped_engines())
def test_shipped_engines_can_be_built(name: str) -> None:
    engine = load_engine(name)
    for tp in engine.tps:
        assert engine.engines(tp)[0].kv_blocks > 100


def test_dense_factor_stretches_dense_layers_alone() -> None:
    shipped = load_engine("b200_llama-3.1-70b_fp4")
    factor = shipped.constants.dense_factor
    engine, plain = (
        shipped.model_copy(update={"constants": Constants(dense_factor=stretch)}) for stretch in (factor, 1.0)
    )
    given, found = plain.latency(1), engine.latency(1)
    assert factor > 1.0
    assert found.dense_s == pytest.approx(factor * given.dense_s)
    assert (found.pure_a_s == given.pure_a_s).all()
