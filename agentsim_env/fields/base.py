"""What every part of a scenario shares: a strict, frozen base model and the kinds of numbers, each with its bounds."""

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from agentsim_env import limits
from agentsim_env.fields.meanings import meanings


class Because(NamedTuple):
    """Why a number has the bounds that it has, for the message to somebody who has gone beyond.

    Attributes:
        upper: Why it is not larger.
        lower: Why it is not smaller; empty where that goes without saying.
    """

    upper: str
    lower: str = ""


_CLOCK = Because("in seconds; that is some 30 years, where the clock ends")
_SUMS = Because("sums of larger numbers lose what is added")
_COUNTS = Because("the engine counts in 32 bits")
_TABLES = Because("the engine tabulates latencies by it")
_ARRIVALS = Because("per second; a million users who all begin at once")
_PEBIBYTE = Because("in GiB; that is a pebibyte")

Flag = Annotated[bool, Strict()]
Text = Annotated[str, Field(min_length=1)]
Line = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*$")]
Probability = Annotated[float, Strict(), Field(ge=0, lt=1)]

Amount = Annotated[float, Strict(), Field(ge=0, le=limits.LARGEST), _SUMS]
PositiveAmount = Annotated[float, Strict(), Field(gt=0, le=limits.LARGEST), _SUMS]
Scale = Annotated[
    float,
    Strict(),
    Field(ge=limits.SMALLEST, le=limits.LARGEST),
    Because("what is divided by it would be lost", "what is divided by it has to be a number"),
]
WholeNumber = Annotated[int, Strict(), Field(ge=0, le=limits.MOST_COUNT), _COUNTS]
PositiveNumber = Annotated[int, Strict(), Field(ge=1, le=limits.MOST_COUNT), _COUNTS]

Seconds = Annotated[float, Strict(), Field(ge=0, le=limits.LONGEST_S), _CLOCK]
PositiveSeconds = Annotated[float, Strict(), Field(gt=0, le=limits.LONGEST_S), _CLOCK]
Period = Annotated[
    float,
    Strict(),
    Field(ge=limits.SHORTEST_PERIOD_S, le=limits.LONGEST_S),
    Because(_CLOCK.upper, "in seconds; an engine takes about as long for an iteration"),
]
TimeBetweenFailures = Annotated[
    float,
    Strict(),
    Field(ge=limits.SHORTEST_MTBF_S, le=limits.LONGEST_S),
    Because(_CLOCK.upper, "in seconds; an engine takes longer than that to start"),
]
Rate = Annotated[float, Strict(), Field(gt=0, le=limits.MOST_PER_S), _ARRIVALS]
RateOrZero = Annotated[float, Strict(), Field(ge=0, le=limits.MOST_PER_S), _ARRIVALS]
Variation = Annotated[
    float,
    Strict(),
    Field(ge=1.0 / limits.LARGEST_CV, le=limits.LARGEST_CV),
    Because("of ten thousand gaps all but one are nothing", "times are as good as regular there"),
]
LogMean = Annotated[
    float,
    Strict(),
    Field(ge=-limits.LARGEST_LN_MEAN, le=limits.LARGEST_LN_MEAN),
    Because("values would be above a billion", "values are as good as 0 there"),
]
LogDeviation = Annotated[
    float,
    Strict(),
    Field(ge=0, le=limits.LARGEST_LN_SD),
    Because("within one of these values differ by a factor of 22,000"),
]

Programs = Annotated[int, Strict(), Field(ge=1, le=limits.MOST_PROGRAMS), Because("each takes kilobytes of memory")]
Instances = Annotated[
    int, Strict(), Field(ge=1, le=limits.MOST_INSTANCES), Because("routers look at each of them for each turn")
]
Gpus = Annotated[int, Strict(), Field(ge=1, le=limits.MOST_GPUS), Because("no instance has more GPUs")]
BatchedTurns = Annotated[int, Strict(), Field(ge=1, le=limits.MOST_SEQS), _TABLES]
BatchedTokens = Annotated[int, Strict(), Field(ge=1, le=limits.MOST_BATCHED_TOKENS), _TABLES]
ContextTokens = Annotated[
    int,
    Strict(),
    Field(ge=1, le=limits.LONGEST_MODEL_TOKENS),
    Because("ten times what any model allows; attention to more pairs of tokens than that is not counted"),
]
BlockTokens = Annotated[
    int,
    Strict(),
    Field(ge=1, le=limits.LARGEST_BLOCK_TOKENS),
    Because("the engine keeps a counter for each token of a block and each instance"),
]
Candidates = Annotated[
    int, Strict(), Field(ge=1, le=limits.MOST_CANDIDATES), Because("each is a row of an observation")
]
Variants = Annotated[
    int, Strict(), Field(ge=1, le=limits.MOST_VARIANTS), Because("each has a prompt of its own in every cache")
]
Retries = Annotated[
    int, Strict(), Field(ge=0, le=limits.MOST_RETRIES), Because("back-offs double with each, and end as no number")
]
Gib = Annotated[float, Strict(), Field(ge=0, le=limits.MOST_GIB), _PEBIBYTE]
PositiveGib = Annotated[float, Strict(), Field(gt=0, le=limits.MOST_GIB), _PEBIBYTE]
Bandwidth = Annotated[
    float, Strict(), Field(ge=0, le=limits.MOST_GB_PER_S), Because("in GB per second; that is a petabyte a second")
]


class Part(BaseModel):
    """A part of a scenario: immutable, without unknown fields, each field documented by the string below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        fields = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in meanings(cls).items():
            if name in fields:
                fields[name].setdefault("description", text)
        return schema
