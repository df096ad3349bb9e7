"""Data sets hold what was played: their environment plays the same again, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim_env import Scenario, Simulator
from agentsim_env.agents import make_agent
from agentsim_env.agents.protocol import bind
from agentsim_env.training.errors import TrainingError
from agentsim_env.training.offline import collect as module
from agentsim_env.training.offline.collect import collect, default_name
from agentsim_env.training.offline.store import DataSet, find
from agentsim_env.training.splits import TRAINING, VALIDATION

minari = pytest.importorskip("minari", reason="without minari there are no data sets")

Collected = Callable[..., DataSet]


@pytest.mark.parametrize(("environment", "agent"), [("routing", "uniform"), ("scheduling", "fcfs"), ("joint", "rules")])
def test_the_environment_plays_a_data_set_again(environment: str, agent: str, tiny: Scenario) -> None:
    made = collect(environment, tiny, agent, episodes=2, first=4)
    data = minari.load_dataset(made.id)
    env = data.recover_environment()
    for place, episode in enumerate(data.iterate_episodes()):
        (about,) = data.storage.get_episode_metadata([place])
        observation, info = env.reset(seed=about["seed"])
        steps = [(observation, 0.0, False, False, info), *(env.step(action) for action in episode.actions)]
        seen, rewards, terminations, truncations, infos = zip(*steps, strict=True)
        np.testing.assert_array_equal(seen, episode.observations)
        np.testing.assert_array_equal(rewards[1:], episode.rewards)
        np.testing.assert_array_equal(terminations[1:], episode.terminations)
        np.testing.assert_array_equal(truncations[1:], episode.truncations)
        for name in ("action_mask", "time_s", "elapsed_s"):
            np.testing.assert_array_equal([one[name] for one in infos], episode.infos[name])
        assert about["seed"] == 4 + place
        assert about["agentsim"]["seed"] == TRAINING.seed(4 + place)


def test_a_rule_plays_as_it_does_without_an_environment(tiny: Scenario, collected: Collected) -> None:
    made = collected("lmetric", split="validation", episodes=1)
    simulator = Simulator(tiny, rules={"route_turn": "lmetric"})
    simulator.reset(VALIDATION.seed(0))
    simulator.run()
    (about,) = minari.load_dataset(made.id).storage.get_episode_metadata([0])
    assert about["agentsim"]["mean_jct_s"] == pytest.approx(simulator.summary()["mean_jct_s"], rel=1e-12)


@pytest.mark.parametrize("agent", ["lmetric", "policy"])
def test_rollouts_say_what_each_answer_comes_to(
    agent: str, collected: Collected, tiny: Scenario, a_policy: Path
) -> None:
    """What a second playing of the episode comes to, with one answer changed and the same agent behind it."""
    source = str(a_policy) if agent == "policy" else agent
    overrides = ["rules.route_turn=lmetric"]  # so that the environment has it whoever plays
    made = collected(source, overrides, episodes=1, rollouts=True)
    (episode,) = made.read()
    np.testing.assert_array_equal(np.isnan(episode.costs_s), ~episode.legal)
    env: Any = minari.load_dataset(made.id).recover_environment()
    player = make_agent(source)
    bind(player, env)
    place, answer = divmod(int(np.nanargmax(episode.costs_s - np.nanmin(episode.costs_s, axis=1)[:, None])), 3)
    observation, info = env.reset(seed=0)
    number, over = 0, False
    while not over:
        action = player.act(observation, info) if number > place else [*episode.actions[:place], answer][number]
        observation, _, terminated, truncated, info = env.step(action)
        number, over = number + 1, terminated or truncated
    assert episode.costs_s[place, answer] == pytest.approx(info["mean_cost_s"], rel=1e-9)
    assert episode.costs_s[place, answer] > np.nanmin(episode.costs_s[place])


def test_rollouts_need_somebody_who_plays_compiled(collected: Collected) -> None:
    with pytest.raises(TrainingError, match="--rollouts with uniform: allowed: a rule or an exported policy"):
        collected("uniform", rollouts=True)


def test_it_says_what_it_is_of(collected: Collected, tiny: Scenario) -> None:
    about = collected("uniform").about
    assert about["scenario_hash"] == tiny.content_hash()
    assert (about["environment"], about["agent"], about["split"]) == ("routing", "uniform", "train")
    data = find(default_name(about["environment"], about["agent"], about["scenario_name"]))
    assert len(about["feature_names"]) * about["rows"] == next(data.read()).observations.shape[1]


class Killed(BaseException):
    """Stands for a signal that no code of ours catches."""


def test_what_was_played_before_a_kill_is_not_played_again(
    collected: Collected, monkeypatch: pytest.MonkeyPatch, datasets: Path
) -> None:
    whole = list(collected("uniform", name="whole-v0").read())
    play, played = module.record, []

    def record_twice(agent: Any, env: Any, number: int, **given: Any) -> Any:
        if len(played) == 2:
            raise Killed
        return record(agent, env, number, **given)

    def record(agent: Any, env: Any, number: int, **given: Any) -> Any:
        played.append(number)
        return play(agent, env, number, **given)

    with monkeypatch.context() as patch:
        patch.setattr(module, "record", record_twice)
        with pytest.raises(Killed):
            collected("uniform", name="killed-v0")
    assert minari.list_local_datasets().keys() == {"whole-v0"}
    monkeypatch.setattr(module, "record", record)
    killed = list(collected("uniform", name="killed-v0").read())
    assert played == [0, 1, 2]
    for one, other in zip(whole, killed, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert sorted(path.name for path in datasets.iterdir()) == ["killed-v0", "whole-v0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"split": "test"},
            "--split test: nothing may be learned .* allowed: train, .* --allow-test",
        ),
        ({"split": "tset"}, "--split tset: allowed: train, validation, test"),
        ({"name": "no version"}, "--name no version: allowed: letters, digits"),
        ({"name": "other"}, "--name other: allowed: letters, digits, .* as in agentsim/routing-lmetric-v0"),
    ],
)
def test_what_cannot_be_collected_is_said_before_anything_is_played(
    arguments: dict[str, Any], message: str, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(module, "record")
    with pytest.raises(TrainingError, match=message):
        collected(**arguments)


def test_a_data_set_is_never_replaced(collected: Collected) -> None:
    first = collected("uniform", episodes=1)
    with pytest.raises(TrainingError, match=r"there is one already, in .* allowed: another name or version"):
        collected("uniform", episodes=1)
    assert find(first.id) == find(str(first.folder)) == first


def test_data_of_others_are_refused(datasets: Path) -> None:
    with pytest.raises(TrainingError, match="--data nothing-v0: no data set there, and none in "):
        find("nothing-v0")
    (datasets / "theirs-v0" / "data").mkdir(parents=True)
    (datasets / "theirs-v0" / "data" / "metadata.json").write_text('{"total_episodes": 1}')
    with pytest.raises(TrainingError, match="was not written by agentsim collect"):
        find("theirs-v0")
