"""What can be named on the command line."""

from rich.console import Console
from rich.table import Table


def print_scenarios(console: Console) -> None:
    """Prints the scenarios of the library."""
    from agentsim_env.scenario import DEFAULT, library, load_scenario

    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    for name in library():
        scenario = load_scenario(name)
        description = " ".join(scenario.description.split())
        knee = f"\n[dim]{' '.join(scenario.knee.split())}[/]" if scenario.knee else ""
        table.add_row(f"[bold]{name}[/]{' (default)' if name == DEFAULT else ''}", description + knee)
    console.print(table)


def print_rules(console: Console) -> None:
    """Prints the rules of each kind of decision with their parameters."""
    from agentsim_env.engine.tables import RULE_PARAMS

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("decision", "rule", "parameters"):
        table.add_column(heading)
    for kind, rules in RULE_PARAMS.items():
        for index, (name, parameters) in enumerate(rules.items()):
            shown = ", ".join(f"{key}={value:g}" for key, value in parameters.items())
            table.add_row(kind if index == 0 else "", name, shown)
    console.print(table)


def print_bundles(console: Console) -> None:
    """Prints the bundles with the rules in which they differ from the stock one."""
    from agentsim_env.scenario.bundle import STOCK, bundles, find_bundle, rules_of

    stock = rules_of(STOCK).by_kind()
    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    for name in bundles():
        rules = rules_of(name).by_kind()
        shown = ", ".join(f"{kind}={rule}" for kind, rule in rules.items() if name == STOCK or rule != stock[kind])
        description = " ".join(find_bundle(name).description.split())
        table.add_row(f"[bold]{name}[/]", f"{description}\n[dim]{shown}[/]")
    console.print(table)


def print_agents(console: Console) -> None:
    """Prints the trained agents that come with the package: where they learned, what they reach, what they do not."""
    from agentsim_env.engine.tables import TABLES
    from agentsim_env.policies import pretrained
    from agentsim_env.training.environments import find_environment

    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    for name in pretrained.names():
        card = pretrained.card(name)
        training, results = card["training"], card["results"]
        jct_s = results["mean_jct_s"]
        rules = TABLES[find_environment(card["origin"]["environment"]).kinds[0]]
        others = {rule: row for rule, row in jct_s.items() if rule in rules and not rules[rule].oracle}
        best = min(others, key=lambda rule: others[rule]["mean"])
        text = (
            f"{card['origin']['environment']}, trained on {training['scenario']} with {training['algo']} in"
            f" {training['cpu_s']:.0f} CPU s. Mean JCT there, {results['seeds']} held-out seeds:"
            f" {jct_s[results['reference']]['mean']:.0f} s, the best rule {best} {others[best]['mean']:.0f} s."
        )
        limits = "".join(f"\n[dim]{limit}[/]" for limit in card["limits"])
        table.add_row(f"[bold]{pretrained.PREFIX}:{name}[/]", f"{text}{limits}")
    console.print(table)
