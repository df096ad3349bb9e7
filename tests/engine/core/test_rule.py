"""How the rows of a table of rules become functions."""

from agentsim_env.engine.core.jit import compiled
from agentsim_env.engine.core.rule import Memory, Rule, choice, made_of
from tests.engine.hand_made import bound, state


@compiled
def no_parameter(state, subject):
    return subject


@compiled
def two_parameters(state, subject, share=0.5, period_s=2.0):
    return subject


@compiled
def take_stock(state, period_s, window=3.0):
    return None


def by_key(state, i, s, weight=4.0):
    return weight * s


def test_parameters_are_the_arguments_of_the_functions_and_what_the_mechanism_reads() -> None:
    assert Rule(no_parameter).parameters == {}
    assert list(Rule(two_parameters).parameters.items()) == [("share", 0.5), ("period_s", 2.0)]
    row = Rule(two_parameters, {"firm": 1.0}, tick=take_stock)
    assert list(row.parameters.items()) == [("share", 0.5), ("period_s", 2.0), ("window", 3.0), ("firm", 1.0)]


@compiled
def learn(state, s, i, share, forgetting=0.9):
    return None


def test_what_a_rule_learns_with_is_a_parameter_too() -> None:
    row = Rule(two_parameters, memory=Memory(1, 1, no_parameter, learn))
    assert list(row.parameters.items()) == [("share", 0.5), ("period_s", 2.0), ("forgetting", 0.9)]


def test_a_rule_that_is_made_of_a_key_has_its_parameters() -> None:
    key_of = compiled(by_key)

    def rule(state, i, *parameters):
        return key_of(state, i, i, *parameters)

    made = made_of(by_key, rule)
    assert Rule(made).parameters == {"weight": 4.0}
    assert bound(made)(state(n_instances=1), 2, 5.0) == 10.0


@compiled
def first(state):
    return len(state.instance)


@compiled
def second(state):
    return 2 * len(state.instance)


def test_a_choice_calls_the_function_in_this_place() -> None:
    chosen = bound(choice("test", {"first": first, "second": second}, __file__))
    assert [chosen(state(n_instances=7), number) for number in (0, 1)] == [7, 14]
