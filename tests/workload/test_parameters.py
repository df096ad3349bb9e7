import pytest
from pydantic import ValidationError

from agentsim_env.workload.families import FAMILIES
from tests.workload.sources import defaults, entry, source

CONSTANT_TOOL = {"name": "clock", "share": 1.0, "gap_s": 1.0}


@pytest.mark.parametrize(
    ("family", "given", "reason"),
    [
        ("coding_agent", {"turn": 3}, "Extra"),
        ("coding_agent", {"context_limit_tokens": 15_000}, "must be at least 15002"),
        ("coding_agent", {"tools": ()}, "at least one kind"),
        ("coding_agent", {"tools": (CONSTANT_TOOL, CONSTANT_TOOL)}, "must differ"),
        ("coding_agent", {"tools": ({**CONSTANT_TOOL, "name": "user"},)}, "must differ"),
        ("claude_code", {"tools": (CONSTANT_TOOL,)}, "must be continuous"),
        ("subagents", {"tools": (CONSTANT_TOOL,)}, "must be continuous"),
        ("chat", {"user_share": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(family, given, reason):
    with pytest.raises(ValidationError, match=reason):
        FAMILIES[family].params.model_validate(given)


def test_variants_have_their_own_tool_schemas():
    params = FAMILIES["claude_code"].params.model_validate({"n_variants": 3, "system_tokens": 100})
    system, *ends = params.forest.end_tokens
    assert (system, params.forest.parents) == (100, (-1, 0, 0, 0))
    assert ends == sorted(set(ends))
    assert ends[1] == 100 + 14_992


def test_skewed_variants():
    programs = source(entry("coding_agent", {"n_variants": 3, "variant_skew": 1.0}), n=20_000).draw(0)
    first = programs.turn["segment"][programs.program["first_turn"]]
    variant = programs.segment["parent"][first]
    shares = [(variant == node).mean() for node in (1, 2, 3)]
    assert shares == pytest.approx([6 / 11, 3 / 11, 2 / 11], abs=0.01)


def test_tools_without_users_do_not_name_one():
    assert "user" not in defaults("coding_agent").tool_names
    assert defaults("tool_chat").tool_names == ("api", "user")


def test_parameters_survive_a_round_trip():
    for name, family in FAMILIES.items():
        params = defaults(name)
        assert family.params.model_validate(params.model_dump(mode="json")) == params
