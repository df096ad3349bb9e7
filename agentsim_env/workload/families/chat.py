"""Long-context chat with people: the Mooncake conversation trace."""

from typing import Annotated

from pydantic import Field

from agentsim_env.fields.base import Variants, WholeNumber
from agentsim_env.workload.distributions import Distribution
from agentsim_env.workload.families.chain import ChainParams, draw_chains
from agentsim_env.workload.shapes import Shapes
from agentsim_env.workload.streams import Streams


class ChatParams(ChainParams):
    """Statistics of mooncake_conversation, 12,031 requests in one hour, sessions rebuilt and computed by us [C].

    An hour cuts sessions off, and those below 1,024 tokens cannot be told apart: real sessions are longer.
    """

    system_tokens: WholeNumber = 512
    """The one block that all requests share."""

    tool_schema_tokens: Distribution = Distribution(value=0)
    """No tools."""

    n_variants: Variants = 1
    """One service."""

    turns: Distribution = Distribution(
        values=(1, 2, 3, 4, 5, 6, 7, 8, 9, 14), weights=(75.6, 14.95, 4.71, 1.98, 1.15, 0.56, 0.27, 0.22, 0.07, 0.49)
    )
    """Percent of the sessions with 1 to 9 turns, and with more (14.6 on average, at most 43). Mean 1.48."""

    first_tokens: Distribution = Distribution(
        p5=386, p25=955, p50=5_413, p75=13_754, p90=25_761, p95=37_418, p99=86_659, min=1
    )
    """First prompt without the shared block. Mean 10.7 k measured."""

    user_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Nothing but user turns."""

    user_append_tokens: Distribution = Distribution(p25=10, p50=27, p75=385, p90=4_290, p95=7_067, p99=17_093, min=1)
    """Growth of the prompt without the output before it; at least 1. Mean 1,300 measured."""

    user_gap_s: Distribution = Distribution(p5=30, p25=66, p50=123, p75=267, p90=474, p95=606, p99=1_470, max=3_030)
    """From one request's arrival to the next, so that it contains the service of the first: an upper bound. Mean 213 s
    measured."""

    output_tokens: Distribution = Distribution(
        p5=10, p25=157, p50=350, p75=472, p90=597, p95=698, p99=1_119, min=1, max=2_000
    )
    """Mean 343 measured."""


def draw(params: ChatParams, n: int, streams: Streams) -> Shapes:
    """Draws `n` programs."""
    return draw_chains(params, n, streams)
