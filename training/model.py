"""Builds the model of a run and exports its policy."""

from pathlib import Path
from typing import Any

from agentsim_env.agents.exported import ExportedPolicy
from agentsim_env.agents.numpy_policy import NumpyPolicy
from agentsim_env.agents.policies import CandidateDQNPolicy, CandidatePolicy, MaskableCandidatePolicy, network_kwargs
from agentsim_env.agents.protocol import Agent, candidates_of
from agentsim_env.agents.sb3 import SB3Agent, algorithm_class
from agentsim_env.files import replacing
from agentsim_env.scenario import Scenario
from agentsim_env.training.config import RunConfig, origin_of
from agentsim_env.training.discount import discount_by_time
from agentsim_env.training.environments import make_environment
from agentsim_env.training.episodes import TrainingEpisodes
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.hyperparameters import arguments, width_of
from agentsim_env.training.splits import TRAINING, workloads

_CANDIDATE_POLICIES = {"dqn": CandidateDQNPolicy, "maskable_ppo": MaskableCandidatePolicy}


def make_vec_env(config: RunConfig, scenario: Scenario) -> TrainingEpisodes:
    """The environments of a run."""
    env: Any = make_environment(config.environment, scenario).unwrapped
    scale = config.hyperparameters.get("reward_scale", 1.0)
    return TrainingEpisodes(env, config.n_envs, workloads(scenario, TRAINING), config.seed, scale)


def make_model(config: RunConfig, vec_env: TrainingEpisodes, device: str = "cpu") -> Any:
    """An untrained model.

    Raises:
        TrainingError: The algorithm does not take the hyper-parameters, or torch the device.
    """
    values = dict(config.hyperparameters)
    values.pop("reward_scale", None)
    values.pop("sampled", None)
    discount_s = values.pop("discount_s", None)
    policy, width = values.pop("policy"), width_of(config.algo, values)
    values.pop("width", None)
    policy_kwargs: dict[str, Any] = {"net_arch": [width, width]}
    if policy == "CandidatePolicy":
        policy = _CANDIDATE_POLICIES.get(config.algo, CandidatePolicy)
        policy_kwargs = {"network": network_kwargs(candidates_of(vec_env.envs[0]), width)}
    elif policy != "MlpPolicy":
        raise TrainingError(f"no policy {policy!r}; there are: CandidatePolicy, MlpPolicy")
    algorithm = algorithm_class(config.algo)
    try:
        model = algorithm(
            policy,
            vec_env,
            policy_kwargs=policy_kwargs,
            seed=config.seed,
            device=device,
            **arguments(config.algo, values),
        )
    except (AssertionError, ArithmeticError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(f"{config.algo} cannot be made with device {device} and {values}: {error}") from error
    if discount_s is not None:
        discount_by_time(model, vec_env, discount_s)
    return model


def present_agent(model: Any, config: RunConfig, vec_env: TrainingEpisodes) -> Agent:
    """The model's present policy as an agent: in numpy where it treats candidates alike."""
    scorer = getattr(model.policy, "scorer", None)
    if scorer is None:
        return SB3Agent(model, config.algo)
    env: Any = vec_env.envs[0]
    origin = origin_of(config, env.scenario, model.num_timesteps)
    names = candidates_of(env).feature_names
    sampled = config.hyperparameters.get("sampled", False)
    return NumpyPolicy.from_torch(scorer, names, name=config.algo, origin=origin, sampled=sampled)


def save_model(model: Any, agent: Agent, folder: Path) -> None:
    """Writes model.zip and, where the policy can be exported, policy.safetensors."""
    with replacing(folder / "model.zip") as draft:
        model.save(draft)
    if isinstance(agent, ExportedPolicy):
        agent.save(folder / "policy.safetensors")
