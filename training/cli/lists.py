"""What there is: `agentsim scenarios`, `rules`, `bundles`, `agents` and `schema`."""

import typer

from agentsim_env.training.cli.printing import open_console


def scenarios() -> None:
    """List the scenarios of the library."""
    from agentsim_env.training.listings import print_scenarios

    print_scenarios(open_console())


def rules() -> None:
    """List the rules that can answer each kind of decision."""
    from agentsim_env.training.listings import print_rules

    print_rules(open_console())


def bundles() -> None:
    """List the bundles: rules of published systems by name."""
    from agentsim_env.training.listings import print_bundles

    print_bundles(open_console())


def agents() -> None:
    """List the trained agents that come with the package."""
    from agentsim_env.training.listings import print_agents

    print_agents(open_console())


def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    import json

    from agentsim_env.scenario.json_schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2))
