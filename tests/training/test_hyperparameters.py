import inspect

import pytest

from agentsim_env.agents.sb3 import ALGORITHMS, algorithm_class
from agentsim_env.training.environments import ENVIRONMENTS
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.hyperparameters import arguments, load_hyperparameters
from agentsim_env.training.hyperparameters.ranges import RANGES


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_environment_has_every_algorithm(environment: str, algo: str) -> None:
    values = load_hyperparameters(environment, algo)
    assert values["n_timesteps"] >= 1
    assert values["n_envs"] >= 1
    assert values["policy"] in ("CandidatePolicy", "MlpPolicy")
    passed = arguments(algo, values)
    assert "n_envs" not in passed
    assert "gamma" in passed


def test_change() -> None:
    values = load_hyperparameters("routing", "ppo", ["gamma=1", "learning_rate=lin_5e-4", "ent_coef=1e-3"])
    assert values["gamma"] == 1
    assert values["ent_coef"] == 0.001
    schedule = arguments("ppo", values)["learning_rate"]
    assert schedule(1.0) == pytest.approx(5e-4)
    assert schedule(0.5) == pytest.approx(2.5e-4)
    assert schedule(0.0) == 0.0


def test_whole_numbers_may_be_written_as_others() -> None:
    values = load_hyperparameters("routing", "ppo", ["n_timesteps=1e6", "target_kl=null"])
    assert (repr(values["n_timesteps"]), values["target_kl"]) == ("1000000", None)


@pytest.mark.parametrize("algo", ["ppo", "maskable_ppo", "a2c", "dqn"])
def test_every_number_of_an_algorithm_has_a_range(algo: str) -> None:
    parameters = inspect.signature(algorithm_class(algo).__init__).parameters.values()
    numbers = {p.name for p in parameters if type(p.default) in (int, float)}
    assert numbers - {"verbose", "seed"} <= set(RANGES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gamma", "--hyper gamma: must be name=value"),
        ("gama=1", "ppo has no hyper-parameter 'gama'; did you mean gamma.*; allowed: batch_size"),
        ("gamma=high", "gamma = 'high': must be a number"),
        ("n_envs=many", "n_envs = 'many': must be a number"),
        ("discount_s=0", "discount_s = 0: must be a number of seconds above 0"),
        ("discount_s=soon", "discount_s = 'soon': must be a number of seconds above 0"),
        ("gamma=nan", "gamma = nan: must be a number from 0 to 1"),
        ("gamma=1.01", "gamma = 1.01: must be a number from 0 to 1"),
        ("learning_rate=-1e-3", "learning_rate = -0.001: must be a number of at least 0"),
        ("learning_rate=lin_nan", "learning_rate = nan: must be a number of at least 0"),
        ("learning_rate=lin_fast", "'lin_fast' is no schedule"),
        ("reward_scale=0", "reward_scale = 0: must be a number from 1e-09 to 1e\\+09"),
        ("n_steps=1.5", "n_steps = 1.5: must be a whole number of at least 1"),
        ("n_timesteps=null", "n_timesteps = None: must be a whole number of at least 1"),
        ("n_epochs=0", "n_epochs = 0: must be a whole number of at least 1"),
        ("width=true", "width = True: must be a whole number"),
        ("vf_coef=null", "vf_coef = None: must be a number of at least 0"),
        ("sampled=5", "sampled = 5: must be true or false"),
        ("normalize_advantage=abc", "normalize_advantage = 'abc': must be true or false"),
        ("n_steps=[", "--hyper n_steps=\\[: the value is not YAML"),
        ("seed=1", "ppo has no hyper-parameter 'seed'"),
    ],
)
def test_wrong_change(change: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_hyperparameters("routing", "ppo", [change])


def test_what_learns_from_single_transitions_has_no_discount_by_time() -> None:
    with pytest.raises(TrainingError, match="dqn has no hyper-parameter 'discount_s'"):
        load_hyperparameters("eviction", "dqn", ["discount_s=20"])


def test_wrong_schedule() -> None:
    values = load_hyperparameters("routing", "ppo") | {"learning_rate": "lin_fast"}
    with pytest.raises(TrainingError, match="'lin_fast' is no schedule"):
        arguments("ppo", values)


def test_unknown_algorithm() -> None:
    with pytest.raises(TrainingError, match="no algorithm 'sac' for routing; there are: ppo, maskable_ppo, a2c, dqn"):
        load_hyperparameters("routing", "sac")
