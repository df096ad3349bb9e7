"""The command `agentsim`.

Everything heavy is imported inside the commands, so that help and errors come at once.
"""

import typer

from agentsim_env.training.cli.benchmark import benchmark, verify
from agentsim_env.training.cli.clone import clone
from agentsim_env.training.cli.collect import collect
from agentsim_env.training.cli.compiling import compile_ahead
from agentsim_env.training.cli.evaluate import evaluate
from agentsim_env.training.cli.lists import agents, bundles, rules, scenarios, schema
from agentsim_env.training.cli.measurements import calibrate, validate
from agentsim_env.training.cli.quickstart import quickstart
from agentsim_env.training.cli.search_rules import search_rules
from agentsim_env.training.cli.simulate import simulate
from agentsim_env.training.cli.traces import traces
from agentsim_env.training.cli.train import train
from agentsim_env.training.plain_errors import PlainErrors

app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Simulate LLM-agent serving; train and evaluate the agents that run it.",
)

for command in (
    quickstart,
    train,
    collect,
    clone,
    evaluate,
    search_rules,
    benchmark,
    verify,
    simulate,
    traces,
    calibrate,
    validate,
):
    app.command(name=command.__name__.replace("_", "-"))(command)
for command in (scenarios, rules, bundles, agents, schema):
    app.command()(command)
app.command(name="compile")(compile_ahead)
