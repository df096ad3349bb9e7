import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentsim_env.training.cli import app
from tests.training.conftest import TINY

SETTINGS = [argument for change in TINY for argument in ("--set", change)]


def call(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "say what to train"),
        (["train", "rooting"], "no environment 'rooting'; did you mean routing?; allowed: admission"),
        (["train", "routing", "--algo", "sac"], "no algorithm 'sac' for routing; there are: ppo, maskable_ppo,"),
        (["train", "routing", "--trace", "none.jsonl"], "no such file or folder"),
        (["train", "--resume", "none"], "none is not the folder of a training run"),
        (["evaluate", "--agents", "least_lodaed"], "did you mean least_loaded? Rules for route_turn (autellix, "),
        (["evaluate", "--agents", "plas"], "and a rule for schedule_turn, not for route_turn (autellix, "),
        (["evaluate", "--agents", "random", "--scenario", "coding_agent"], "coding_agent: no such scenario"),
        (["train", "routing", "--hyper", "gamma=high"], "gamma = 'high': must be a number"),
        (["evaluate", "--agents", "none/model.zip"], "none/model.zip: no such file"),
        (["evaluate", "--agents", "runs/none"], "runs/none: no such folder"),
        (["simulate", "--rule", "route_turn"], "must be kind=name"),
        (["simulate", "--rule", "route_trun=random"], "no kind of decision 'route_trun'; did you mean route_turn?"),
        (["simulate", "--rule", "route_turn=randm"], "no rule 'randm'; did you mean random?; allowed: autellix,"),
        (["simulate", "--bundle", "contnuum"], "unknown bundle 'contnuum'"),
        (["evaluate", "-a", "random", "--bundle", "sga"], "unknown bundle 'sga'; did you mean saga?; allowed: agents"),
        (["train", "routing", "--bundle", "x"], "unknown bundle 'x'; allowed: agentservesim.plas, agentservesim.stock"),
        (["simulate", "--set", "rules.bundle=x"], "--set rules.bundle=x: rules.bundle = 'x': unknown bundle; allowed"),
        (["simulate", "--set", "cluster.modell=x"], "modell"),
        (["simulate", "--set", "cluster.model=x"], "unknown model 'x'. Known (models.yaml): Llama-3.1-8B,"),
        (["simulate", "--set", "cluster.instances.0.gpu=x"], "unknown GPU 'x'. Known (gpus.yaml): H100,"),
        (["simulate", "--set", "episode.programs=x"], "episode.programs = 'x': must be a valid integer"),
        (
            ["simulate", "--set", "cluster.model=Llama-3.1-70B"],
            "cluster.instances.0: Llama-3.1-70B (bf16, tp 1) does not",
        ),
        (["traces", "none.jsonl"], "none.jsonl: no such file or folder"),
        (["traces", "none.jsonl", "--format", "x"], "format is 'x'; allowed: auto, agentsim, "),
        (["simulate", "--skip-bad-lines"], "--skip-bad-lines goes with --trace"),
        (["simulate", "--trace", "none.jsonl"], "none.jsonl: no such file or folder"),
        (
            ["simulate", "--set", "workload.trace.path=/n.jsonl"],
            "--set workload.trace.path=/n.jsonl: workload.trace.path",
        ),
        (
            ["train", "routing", "--set", "workload.trace.path=/n.jsonl"],
            "workload.trace.path = '/n.jsonl': no such file",
        ),
    ],
)
def test_errors_are_a_sentence(arguments: list[str], message: str) -> None:
    code, out, err = call(*arguments)
    assert code == 2
    assert err.startswith("agentsim: ")
    assert message in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "episode.programs=21"], "episode.programs = 21: must be from 1 to 20"),
        (["--set", "workload.tools={shell: {concurrency: 1}}"], "no program calls shell; allowed: none"),
        (["--set", "workload.trace.max_context_tokens=5"], "trace.jsonl: max_context_tokens = 5 leaves no program"),
        (["--set", "workload.trace.format=azure"], "trace.jsonl:1: t_s: no such column"),
        (["--set", "workload.trace.trace_block_tokens=1024"], "trace.jsonl:1: hash_ids"),
    ],
)
def test_what_does_not_fit_a_trace_is_a_sentence(mooncake: Path, arguments: list[str], message: str) -> None:
    code, out, err = call("simulate", "--trace", mooncake, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("command", ["simulate", "train routing", "evaluate -a random", "quickstart"])
def test_results_need_a_folder(tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    code, out, err = call(*command.split(), *SETTINGS, "--out", file)
    assert code == 2
    assert err.startswith(f"agentsim: --out {file}: is a file; allowed: a folder")
    assert "Traceback" not in out + err
    assert file.read_text() == "precious"


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "turns.parquet"))

    monkeypatch.setattr("agentsim_env.metrics.save_records", full)
    code, _, err = call("simulate", "-s", "tool_chat", *SETTINGS, "--out", tmp_path)
    assert code == 2
    assert err == f"agentsim: {tmp_path / 'turns.parquet'}: No space left on device\n"


def test_unexpected_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentsim_env.training.listings.print_rules", lambda console: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("rules")


def test_starts_without_heavy_imports() -> None:
    # Gymnasium is there, as the package registers its environments; it takes NumPy and little else with it.
    program = (
        "import sys; from agentsim_env.training.cli import app\n"
        "heavy = {'torch', 'numba', 'pandas', 'pyarrow', 'matplotlib', 'scipy', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_lists() -> None:
    assert "coding_agents (default)" in call("scenarios")[1]
    assert "least_loaded" in call("rules")[1]
    assert json.loads(call("schema")[1])["properties"]["cluster"]


def test_simulate(tmp_path: Path) -> None:
    code, out, _ = call(
        "simulate", "-s", "tool_chat", *SETTINGS, "--rule", "route_turn=round_robin", "--out", tmp_path / "records"
    )
    assert code == 0
    assert "JCT" in out
    assert "Service levels: TTFT ≤ 0.5 s, TPOT ≤ 0.03 s" in out
    assert any((tmp_path / "records").iterdir())


def test_replay_is_of_the_whole_trace(mooncake: Path, tmp_path: Path) -> None:
    from agentsim_env.training.simulate import simulate

    records = simulate("tool_chat", trace=mooncake)
    assert len(records.programs) == 20
    assert records.metadata["scenario"] == "tool_chat-trace"
    assert code_of_broken(mooncake, tmp_path) == 2


def code_of_broken(trace: Path, folder: Path) -> int:
    broken = folder / "broken.jsonl"
    broken.write_text(trace.read_text() + "{\n")
    code, out, _ = call("simulate", "--trace", broken, "--skip-bad-lines")
    assert code == 0
    assert "bad lines, skipped: 1\n  broken.jsonl:21: not JSON" in out
    return call("simulate", "--trace", broken)[0]


def test_a_trace_is_cut_to_what_instances_take(mooncake: Path) -> None:
    arguments = ["simulate", "-s", "tool_chat", "--trace", mooncake, "--set", "cluster.instances.0.kv_blocks=39"]
    code, out, _ = call(*arguments)
    assert code == 0
    assert "15 programs failed at a turn whose context fits on no instance" in out
    code, out, _ = call(*arguments, "--set", "workload.trace.max_context_tokens=624")
    assert code == 0
    assert "programs whose first turn is beyond the limits, left out: 15" in out
    assert "programs failed" not in out


def test_that_nothing_can_be_served_is_said_at_once() -> None:
    code, out, err = call("simulate", "-s", "coding_agents", "--set", "cluster.instances.0.kv_blocks=100")
    assert (code, out) == (2, "")
    assert err == (
        "agentsim: coding_agents: nothing can be served: no instance takes more than 1,600 tokens"
        " (cluster.instances.0.kv_blocks: 100 blocks of 16 tokens), and all of 192 programs need more:"
        " 17,543 to 122,397 tokens, prompt and output together\n"
    )


@pytest.mark.parametrize("command", ["simulate", "evaluate"])
def test_what_load_means_is_a_sentence_before_the_work(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentsim_env import capacity

    monkeypatch.setattr(capacity, "CACHE_ROOT", tmp_path)
    monkeypatch.setattr(
        capacity, "capacity_curve", lambda scenario: [(2, scenario.cluster.instances[0].kv_blocks or 8.0)]
    )
    agents = ["--agents", "random", "--seeds", "1"] if command == "evaluate" else []
    few = ["--set", "episode={programs: 6, warmup_programs: 1}"]
    code, _, err = call(command, *agents, "-s", "tool_chat", *few, "--set", "cluster.instances.0.kv_blocks=500")
    assert code == 0
    fits, load = err.splitlines()
    assert fits.startswith(
        "agentsim: warning: tool_chat: no instance takes more than 8,000 tokens (cluster.instances.0"
    )
    assert "4 of 192 programs need more: up to 9,011 tokens" in fits
    assert load.startswith("agentsim: warning: tool_chat: load 1.2 means 612.8 programs per second here and 9.6 in the")


def test_at_a_rate_what_fits_nowhere_is_said_beside_the_results() -> None:
    code, out, err = call(
        "evaluate", "-a", "random", "--seeds", "1", *SETTINGS, "--set", "cluster.instances.0.kv_blocks=1100"
    )
    assert code == 0
    assert not err
    assert "no instance takes more than 17,600 tokens" in out


def test_traces_says_what_a_trace_is_and_draws_it(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "workload" / "traces" / "samples" / "otel_session_a.json"
    code, out, _ = call("traces", sample, "--picture", tmp_path / "trace.png")
    assert code == 0
    assert out.startswith("otel trace: 1 programs, 3 requests in 16.2 s\n")
    assert "restart_belt" in out
    assert (tmp_path / "trace.png").stat().st_size > 0


def test_agents_stand_beside_the_best_rule_that_knows_only_the_past() -> None:
    assert "the best rule least_uncached" in " ".join(call("agents")[1].split())


def test_train_then_evaluate(new_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = new_run()
    code, out, _ = call("train", "--resume", folder, "--steps", "300", "--quiet")
    assert code == 0
    hint = f"agentsim evaluate --scenario {folder}/scenario.yaml --agents least_loaded,{folder}"
    assert out.splitlines()[-1] == f"Evaluate it with: {hint}"
    code, out, _ = call(*hint.split()[1:], "--seeds", "1")
    assert code == 0
    assert "Note" not in out, "it is the scenario that it was trained on"
    code, out, _ = call(
        *("evaluate", "-a", f"least_loaded,random,mine={folder}", "-s", folder / "scenario.yaml", "--seeds", "2"),
        *("--out", tmp_path / "report"),
    )
    assert code == 0
    assert "mine" in out
    assert json.loads((tmp_path / "report" / "results.json").read_text())["agents"]["mine"] == f"mine={folder}"


def test_a_policy_that_cannot_be_exported_is_evaluated_with_trust(new_run: Callable[..., Path]) -> None:
    folder = new_run(hyper=["policy=MlpPolicy"])
    out = call("train", "--resume", folder, "--quiet")[1]
    assert out.splitlines()[-1] == (
        f"Evaluate it with: agentsim evaluate --scenario {folder}/scenario.yaml --agents least_loaded,{folder} --trust"
    )
    command = ["evaluate", "-a", folder, "-s", folder / "scenario.yaml", "--seeds", "1"]
    code, _, err = call(*command)
    assert code == 2
    assert err.startswith(f"agentsim: {folder / 'model.zip'} is unpickled when it is loaded, which can run any code")
    assert call(*command, "--trust")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "5", "--algo", "dqn"], "--algo dqn (the run has ppo); --seed 5 (the run has 0): a run goes on as"),
        (["--steps", "100"], "has learned from 256 decisions already"),
        (["--scenario", "coding_agents"], "--scenario (the run has another scenario"),
        (["--out", "other"], "--out other: a run that is resumed stays in its folder"),
    ],
)
def test_what_contradicts_a_run_is_refused(new_run: Callable[..., Path], arguments: list[str], message: str) -> None:
    folder = new_run()
    (folder / "checkpoints" / "000000000256").mkdir(parents=True)
    code, out, err = call("train", "--resume", folder, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_ctrl_c_says_what_is_kept(new_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_before_a_checkpoint(*arguments: object) -> None:
        raise KeyboardInterrupt

    def stop_after_one(*arguments: object) -> None:
        (folder / "checkpoints" / "000000000064").mkdir(parents=True)
        raise KeyboardInterrupt

    folder = new_run()
    monkeypatch.setattr("agentsim_env.training.train.run", stop_before_a_checkpoint)
    code, out, err = call("train", "--resume", folder)
    assert code == 130
    assert out.startswith(f"{folder} has no checkpoint: beginning anew\n")
    assert err == f"agentsim: stopped: no checkpoint yet, begin anew with: agentsim train --resume {folder}\n"
    monkeypatch.setattr("agentsim_env.training.train.run", stop_after_one)
    err = call("train", "--resume", folder)[2]
    assert err == f"agentsim: stopped: the last checkpoint is kept, go on with: agentsim train --resume {folder}\n"


def test_an_early_end_of_a_file_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(console: object) -> None:
        raise EOFError

    monkeypatch.setattr("agentsim_env.training.listings.print_rules", end)
    with pytest.raises(RuntimeError, match="something was read to an early end"):
        call("rules")


def test_resume_says_where_from(new_run: Callable[..., Path]) -> None:
    folder = new_run()
    code, out, _ = call("train", "--resume", folder, "--quiet")
    assert code == 0
    assert f"{folder} has no checkpoint: beginning anew" in out
    last = sorted((folder / "checkpoints").iterdir())[-1]
    assert f"Going on from {last}" in call("train", "--resume", folder, "--quiet")[1]
    before = sorted((folder / "checkpoints").iterdir())[-2]
    (last / "parameters.pt").unlink()
    code, out, err = call("train", "--resume", folder, "--quiet")
    assert code == 0
    assert err.startswith(f"{last} cannot be read (")
    assert f"going on from {before}" in err
    assert f"Going on from {before}" in out


def test_a_trace_too_short_to_train_on_leaves_no_folder(mooncake: Path, tmp_path: Path) -> None:
    arguments = [*SETTINGS, "--set", "episode.programs=13", "--trace", mooncake, "--out", tmp_path / "run"]
    code, _, err = call("train", "routing", "-s", "tool_chat", *arguments)
    assert code == 2
    assert "train split come from 0% to 60% of the trace: episode.programs = 13: must be from 1 to 12" in err
    assert not (tmp_path / "run").exists()


def test_train_and_evaluate_on_a_trace(mooncake: Path, tmp_path: Path) -> None:
    where = ["-s", "tool_chat", *SETTINGS, "--set", "episode={programs: 4, warmup_programs: 1}", "--trace", mooncake]
    small = ["--hyper", "n_steps=32", "--hyper", "batch_size=32", "--envs", "2", "--steps", "64", "--quiet"]
    code, out, _ = call("train", "routing", *where, *small, "--out", tmp_path / "run")
    assert code == 0
    assert "mooncake trace: 20 programs, 20 requests" in out
    assert (tmp_path / "run" / "scenario.yaml").read_text().startswith("name: tool_chat-trace\n")
    code, out, _ = call("evaluate", "-a", f"random,{tmp_path / 'run'}", *where, "--seeds", "2")
    assert code == 0
    assert "mooncake trace: 20 programs, 20 requests" in out


def test_a_doubt_about_a_model_is_said_once_and_in_plain_words(tmp_path: Path) -> None:
    fields = {"hidden_size": 512, "intermediate_size": 1024, "num_attention_heads": 8, "num_hidden_layers": 2}
    file = tmp_path / "Small-8B" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(fields | {"vocab_size": 1000, "max_position_embeddings": 131072}))
    arrivals = "workload.arrivals={process: poisson, rate_per_s: 1.0}"
    few = "episode={programs: 6, warmup_programs: 1}"
    code, _, err = call(
        "simulate", "-s", "tool_chat", "--set", f"cluster.model={file}", "--set", arrivals, "--set", few
    )
    assert code == 0
    (said,) = err.splitlines()
    assert said.startswith(f"agentsim: warning: {file}: the name Small-8B says 8B, the fields give 0.0")


def test_quickstart(tmp_path: Path) -> None:
    out = tmp_path / "quickstart"
    arguments = ["quickstart", "-s", "tool_chat", *SETTINGS, "--steps", "64", "--seeds", "2", "-j", "1", "--out", out]
    code, text, _ = call(*arguments)
    assert code == 0
    assert "algo: es" in (out / "config.yaml").read_text()
    assert "lmetric" in text
    for name in (
        "policy.safetensors",
        "policy.json",
        "config.yaml",
        "results.md",
        "results.csv",
        "results.json",
        "results.png",
    ):
        assert (out / name).is_file(), name
    code, text, _ = call(*arguments)
    assert code == 0
    assert "Going on with the run" in text
    code, _, err = call("quickstart", "-s", "coding_agents", "--seed", "3", "--out", out)
    assert code == 2
    assert "--seed 3 (the run has 0); --scenario (the run has another scenario" in err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("features['is_hom'].argmax()", "no feature 'is_hom'; did you mean is_home?; allowed: "),
        ("9", "action 9 of mine is outside Discrete(3): actions are 0 to 2"),
        ("1.5", "mine must return the number of an action, not 1.5"),
    ],
)
def test_what_is_wrong_with_a_function_of_ones_own(
    answer: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"router_{abs(hash(answer))}"
    (tmp_path / f"{module}.py").write_text(f"def mine(features, info):\n    return {answer}\n")
    monkeypatch.chdir(tmp_path)
    code, _, err = call("evaluate", "-a", f"{module}:mine", "--seeds", "1", *SETTINGS)
    assert code == 2
    assert said in err
