"""What every part of a scenario shares: a strict, frozen base model and the kinds of numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

Flag = Annotated[bool, Strict()]
WholeNumber = Annotated[int, Strict(), Field(ge=0)]
PositiveNumber = Annotated[int, Strict(), Field(ge=1)]
Amount = Annotated[float, Strict(), Field(ge=0)]
PositiveAmount = Annotated[float, Strict(), Field(gt=0)]
Probability = Annotated[float, Strict(), Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A part of a scenario: immutable, without unknown fields, each field documented by the string below it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,
    )
