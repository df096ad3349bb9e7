"""All-reduces over named links, and where one has to be asked for."""

import warnings

import numpy as np
import pytest

from agentsim_env.errors import AgentSimWarning
from agentsim_env.hardware import UnknownHardwareError, find_gpu, find_model, find_profile, roofline
from agentsim_env.hardware.all_reduce import all_reduce_s, links
from agentsim_env.hardware.interconnect import doubt_pcie, with_interconnect

CARD, MODEL = find_gpu("RTX-PRO-6000"), find_model("Qwen3-32B")
MEASURED = find_profile(CARD, MODEL, 2)
SIZE = np.array([1310720.0])  # 128 tokens of Qwen3-32B


def test_a_link_without_direct_access_takes_two_and_a_half_times_as_long() -> None:
    direct_s, slow_s = (all_reduce_s(SIZE, CARD, 2, link)[0] for link in ("pcie-5", "pcie-5-acs"))
    assert slow_s == pytest.approx(90.59e-6)
    assert slow_s / direct_s == pytest.approx(2.5, abs=0.1)
    assert all_reduce_s(SIZE, CARD, 2)[0] == direct_s


@pytest.mark.parametrize("profile", [MEASURED, roofline(CARD, MODEL, 2)], ids=["measured", "roofline"])
def test_a_profile_over_another_link_differs_by_its_all_reduces(profile) -> None:  # type: ignore[no-untyped-def]
    changed = with_interconnect(profile, CARD, MODEL, 2, "pcie-5-acs")
    more = changed.iteration_s([1000] * 128) - profile.iteration_s([1000] * 128)
    expected = 128 * (all_reduce_s(SIZE, CARD, 2, "pcie-5-acs") - all_reduce_s(SIZE, CARD, 2))[0]
    assert more == pytest.approx(expected, rel=0.1)
    assert (changed.pure_a_s == profile.pure_a_s).all()


def test_a_factor_stretches_all_reduces_alone() -> None:
    twice = with_interconnect(MEASURED, CARD, MODEL, 2, factor=2.0)
    assert twice.dense_s - MEASURED.dense_s == pytest.approx(MEASURED.parts["all_reduce"])
    assert twice.parts["all_reduce"] == pytest.approx(2 * MEASURED.parts["all_reduce"])


def test_a_kernel_that_does_the_norm_saves_its_launch() -> None:
    gpu, model = find_gpu("B200"), find_model("Llama-3.1-70B")
    plain, fused = (
        with_interconnect(find_profile(gpu, model, 2), gpu, model, 2, n) for n in ("nvlink-5", "nvlink-5-fused")
    )
    # One token: both kernels take 7 us, and each of 80 layers has two norms of 2.4 us to launch.
    saved_s = plain.dense_layers_s(1) - fused.dense_layers_s(1)
    assert saved_s == pytest.approx(2 * 80 * 2.4e-6, rel=0.05)


def test_nothing_asked_for_is_nothing_changed() -> None:
    assert with_interconnect(MEASURED, CARD, MODEL, 2) is MEASURED
    alone = find_profile(CARD, MODEL, 1)
    assert with_interconnect(alone, CARD, MODEL, 1, "pcie-5-acs", 3.0) is alone


def test_errors_list_links_and_group_sizes() -> None:
    with pytest.raises(UnknownHardwareError, match=r"unknown interconnect 'pcie'; known: nvlink-3, .*pcie-5-acs"):
        all_reduce_s(SIZE, CARD, 2, "pcie")
    with pytest.raises(UnknownHardwareError, match="tp 4: pcie-5-acs has all-reduce times for 2 GPUs"):
        with_interconnect(MEASURED, CARD, MODEL, 4, "pcie-5-acs")


@pytest.mark.parametrize("link", links())
def test_larger_messages_never_take_less(link: str) -> None:
    sizes = np.geomspace(512, 1e9, 200)
    assert (np.diff(all_reduce_s(sizes, CARD, 2, link)) >= 0).all()


def test_ranks_over_pcie_are_warned_of_until_somebody_says_how() -> None:
    with pytest.warns(
        AgentSimWarning, match=r"cluster\.instances\.0: tp 2 over PCIe: .* 2\.5 times .*all_reduce_factor"
    ):
        doubt_pcie(CARD, 2, None, 1.0, "cluster.instances.0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doubt_pcie(CARD, 1, None, 1.0, "")
        doubt_pcie(CARD, 2, "pcie-5", 1.0, "")
        doubt_pcie(CARD, 2, None, 1.5, "")
        doubt_pcie(find_gpu("H100"), 8, None, 1.0, "")
