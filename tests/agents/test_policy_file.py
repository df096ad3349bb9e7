"""Exported policies that were cut, changed or trained to nothing are refused by file and field."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentsim_env.agents import AgentError, NumpyPolicy, load_policy
from agentsim_env.agents.networks import CandidateScorer
from agentsim_env.policies.weights import PooledWeights

NAMES = ("allowed", "load", "hit")
WIDTH = 8
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def policy() -> NumpyPolicy:
    torch.manual_seed(0)
    return NumpyPolicy.from_torch(CandidateScorer(len(NAMES), WIDTH), NAMES, name="mine")


@pytest.fixture
def saved(policy: NumpyPolicy, tmp_path: Path) -> Path:
    return policy.save(tmp_path / "policy.npz")


def rewrite(path: Path, change: Callable[[Arrays], None]) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, allow_pickle=True, **arrays)


def header(**changes: Any) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays["header"] = np.array(json.dumps(json.loads(str(arrays["header"])) | changes))

    return change


@pytest.mark.parametrize("field", PooledWeights._fields)
def test_every_array_has_its_shape(saved: Path, field: str) -> None:
    rewrite(saved, lambda arrays: arrays.update({field: np.zeros((5, 7), np.float32)}))
    with pytest.raises(
        AgentError, match=rf"policy\.npz: {field} has shape \(5, 7\); must be|policy\.npz: \w+ has shape"
    ):
        load_policy(saved)


@pytest.mark.parametrize("dtype", ["float64", "int32", "complex64", "U5", "bool"])
def test_every_array_has_its_type(saved: Path, dtype: str) -> None:
    rewrite(saved, lambda arrays: arrays.update(hidden_bias=arrays["hidden_bias"].astype(dtype)))
    with pytest.raises(AgentError, match=r"policy\.npz: hidden_bias has dtype .*; must be float32"):
        load_policy(saved)


def test_pickled_objects_are_not_read(saved: Path) -> None:
    rewrite(saved, lambda arrays: arrays.update(row_weight=np.array([{}], dtype=object)))
    with pytest.raises(AgentError, match="row_weight cannot be read: Object arrays cannot be loaded"):
        load_policy(saved)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(
    saved: Path, policy: NumpyPolicy, tmp_path: Path, value: float
) -> None:
    def spoil(arrays: Arrays) -> None:
        arrays["context_weight"][3, 2] = value

    rewrite(saved, spoil)
    with pytest.raises(AgentError, match="context_weight holds weights that are not finite: the training has diverged"):
        load_policy(saved)
    diverged = NumpyPolicy(policy.weights._replace(head_bias=np.full(1, value, np.float32)), NAMES)
    with pytest.raises(AgentError, match="head_bias holds weights that are not finite"):
        diverged.save(tmp_path / "exported.npz")
    assert not (tmp_path / "exported.npz").exists()


def test_big_endian_weights_are_the_same(saved: Path, policy: NumpyPolicy) -> None:
    rewrite(saved, lambda arrays: arrays.update({name: arrays[name].astype(">f4") for name in PooledWeights._fields}))
    assert load_policy(saved).content_hash() == policy.content_hash()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "header: format is 'other'; this version reads"),
        ({"feature_names": "allowed"}, "header: feature_names is 'allowed'; must be names, each once"),
        ({"feature_names": ["load", "load", "hit"]}, "header: feature_names is .*; must be names, each once"),
        ({"feature_names": ["load", "hit"]}, r"embed_weight has shape \(3, 8\); must be \(2, 8\) for 2 features"),
        ({"allowed_feature": 3}, "header: allowed_feature is 3; must be the number of a feature, or -1"),
        ({"allowed_feature": True}, "header: allowed_feature is True"),
        ({"name": None}, "header: name is None; must be a text"),
        ({"name": " "}, "header: name is ' '; must be a text that can be printed"),
        ({"name": "\ud800"}, "header: name is .*; must be a text that can be printed"),
        ({"origin": [1]}, r"header: origin is \[1\]; must be a mapping"),
        ({"sampled": "yes"}, "header: sampled is 'yes'; must be true or false"),
    ],
)
def test_every_field_of_the_header_is_checked(saved: Path, changes: dict, message: str) -> None:
    rewrite(saved, header(**changes))
    with pytest.raises(AgentError, match=rf"policy\.npz: {message}"):
        load_policy(saved)


@pytest.mark.parametrize("text", ["{", "[]", "null", "7", "{}", "[" * 100_000, "1" * 5_000])
def test_a_header_that_is_none(saved: Path, text: str) -> None:
    rewrite(saved, lambda arrays: arrays.update(header=np.array(text)))
    with pytest.raises(AgentError, match=r"policy\.npz"):
        load_policy(saved)


def test_a_name_is_one_line(saved: Path) -> None:
    rewrite(saved, header(name=" two\nlines\t"))
    assert load_policy(saved).name == "two lines"


def test_an_array_that_claims_to_be_huge(saved: Path) -> None:
    with zipfile.ZipFile(saved) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["head_bias.npy"] = members["head_bias.npy"].replace(b"(1,), ", b"(99999999999999,), ")
    with zipfile.ZipFile(saved, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(AgentError, match="head_bias cannot be read"):
        load_policy(saved)


def test_a_file_that_unpacks_to_far_more_is_not_unpacked(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a", zipfile.ZIP_DEFLATED) as file, file.open("more.npy", "w") as more:
        for _ in range(260):
            more.write(bytes(1 << 20))
    with pytest.raises(AgentError, match=r"it unpacks to 27\d,\d{3},\d{3} bytes; at most 268,435,456"):
        load_policy(saved)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_an_error_of_ours_or_the_same_policy(saved: Path, policy: NumpyPolicy, data: Any) -> None:
    whole = saved.read_bytes()
    try:
        if data.draw(st.booleans()):
            damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
        else:
            place = data.draw(st.integers(0, len(whole) - 1))
            damaged = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
        saved.write_bytes(damaged)
        found = load_policy(saved)
        assert found.content_hash() == policy.content_hash()
    except AgentError as error:
        assert str(saved) in str(error)
    finally:
        saved.write_bytes(whole)
