"""Weights that a training begins with: those of an exported policy, of which the folder of the run keeps a copy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agentsim_env import Scenario
from agentsim_env.agents import ExportedPolicy, load_policy, make_agent
from agentsim_env.agents.numpy_policy import state_of
from agentsim_env.envs.advice_feature import ADVISED
from agentsim_env.policies.weights import GatedWeights, PooledWeights, Weights
from agentsim_env.training.environments import find_environment, make_environment
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.evolution_strategy import ALGORITHM
from agentsim_env.training.hyperparameters import width_of

_FILE = "start.safetensors"
_ALGORITHMS = (ALGORITHM, "ppo", "maskable_ppo", "a2c")


def checked_start(
    source: str | Path, environment: str, scenario: Scenario, algo: str, values: Mapping[str, Any]
) -> ExportedPolicy:
    """The policy that a training is to begin with, if it can.

    Args:
        source: Folder of a run, file, or `pretrained:NAME`.
        environment: Name of the environment.
        scenario: The scenario.
        algo: Name of the algorithm.
        values: Its hyper-parameters.

    Raises:
        TrainingError: It is no exported policy, of another form than the hyper-parameters say, or the algorithm begins
            with none.
        AgentError: There is no such agent, or it was trained on other features.
    """
    agent = make_agent(source, find_environment(environment).kinds)
    if not isinstance(agent, ExportedPolicy):
        raise TrainingError(f"--from {source}: allowed: an exported policy, as policy.safetensors in a run's folder")
    if algo not in _ALGORITHMS:
        raise TrainingError(f"--from goes with {', '.join(_ALGORITHMS)}, not with {algo}, which has no such policy")
    asked, found = _asked(algo, values), _form_of(agent)
    if found != asked:
        differ = f"it is a {found}, the training has a {asked}"
        raise TrainingError(f"--from {source}: {differ}; {_remedy(algo, found)}")
    env = make_environment(environment, scenario)
    agent.bind(env)
    env.close()
    return agent


def keep_start(policy: ExportedPolicy, folder: Path) -> None:
    """Puts a copy into the folder of a run."""
    policy.save(folder / _FILE)


def start_of(folder: Path) -> ExportedPolicy | None:
    """The policy that a run began with; None where it began with chance."""
    path = folder / _FILE
    return load_policy(path) if path.is_file() else None


def begin_with(model: Any, policy: ExportedPolicy) -> None:
    """Gives a fresh model of Stable-Baselines3 the weights of a policy; its critic stays as it is."""
    import torch

    state = {name: torch.from_numpy(array) for name, array in state_of(policy.weights).items()}
    model.policy.scorer.load_state_dict(state)


class _Form(NamedTuple):
    """What weights of two policies have to have in common, by hyper-parameters."""

    policy: str
    width: int | None = None
    gates: tuple[str, ...] | None = None

    def __str__(self) -> str:
        detail = f" of width {self.width}" if self.width else f" with the gates {', '.join(self.gates or ())}"
        return self.policy + (detail if self.width or self.gates else "")


def _asked(algo: str, values: Mapping[str, Any]) -> _Form:
    policy = values["policy"]
    if policy == "CandidatePolicy":
        return _Form(policy, width=width_of(algo, values))
    if policy == "GatedPolicy":
        gates = values.get("gates", [ADVISED])
        return _Form(policy, gates=tuple(gates) if isinstance(gates, list) else (gates,))
    return _Form(policy)


def _form_of(agent: ExportedPolicy) -> _Form:
    weights: Weights = agent.weights
    if isinstance(weights, PooledWeights):
        return _Form("CandidatePolicy", width=weights.width)
    if isinstance(weights, GatedWeights):
        return _Form("GatedPolicy", gates=tuple(agent.feature_names[place] for place in weights.gate.argmax(axis=0)))
    return _Form("LinearPolicy")


def _remedy(algo: str, found: _Form) -> str:
    """What would make both of one form."""
    if found.policy != "CandidatePolicy" and algo != ALGORITHM:
        return f"{algo} has none like it; allowed: --algo {ALGORITHM}, or a CandidatePolicy"
    said = {name: value for name, value in found._asdict().items() if value is not None}
    if found.gates is not None:
        said["gates"] = f"[{','.join(found.gates)}]"
    return f"say {' '.join(f'--hyper {name}={value}' for name, value in said.items())}"
