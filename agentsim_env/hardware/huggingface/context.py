"""The longest context of a model, as vLLM derives it from a `config.json`."""

from agentsim_env.hardware.huggingface.fields import LONGEST_CONTEXT, Fields

LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_target_positions",
    "max_sequence_length",
    "max_context_length",
)
ASSUMED_TOKENS = 131_072
SCALED = ("linear", "dynamic", "yarn", "deepseek_yarn")
ALREADY_SCALED = ("su", "longrope", "llama3", "default", "mrope", "proportional")


def max_context_tokens(fields: Fields) -> int:
    """Positions, and their scaling where the positions are those before it.

    Of several lengths the shortest counts. YaRN scales `original_max_position_embeddings`, where it is given; linear
    and dynamic scaling the positions; llama3 and longrope are in the positions already, and so is what Gemma 3 has.
    """
    given = [key for key in LENGTHS if key in fields]
    if not given:
        fields.warn(f"no {LENGTHS[0]}, nor another length: contexts of {ASSUMED_TOKENS:,} tokens are assumed")
        return ASSUMED_TOKENS
    if "model_max_length" in given:  # Cohere: the length that the model is made for, whatever its positions
        return fields.whole(("model_max_length",), high=LONGEST_CONTEXT)
    positions = min(fields.whole((key,), high=LONGEST_CONTEXT) for key in given)
    key = fields.name(("rope_scaling",)) or fields.name(("rope_parameters",))
    scaling = fields.nested(key) if key else None
    if scaling is None or str(fields.get("model_type", "")).startswith("gemma3"):
        return positions
    inner = [scaling.nested(name) for name, value in scaling.values.items() if isinstance(value, dict)]
    for one in inner or [scaling]:  # one for all layers, or one for each kind of them
        positions = positions if one is None else _scaled(one, positions)
    return min(LONGEST_CONTEXT, positions)


def _scaled(scaling: Fields, positions: int) -> int:
    key = "rope_type" if "rope_type" in scaling else "type"
    kind = scaling.word(key, "default")
    if kind in ALREADY_SCALED:
        if kind == "default" and scaling.number("factor", 1.0, 1e-3, 1e4) != 1.0:
            scaling.warn(
                f"factor {scaling.get('factor'):g} without a rope_type that uses it: contexts are not longer for it"
            )
        return positions
    if kind not in SCALED:
        scaling.warn(
            f"{key} is {kind!r:.60}: its factor is taken to lengthen contexts, as that of {', '.join(SCALED)} does"
        )
    if kind == "yarn":
        positions = scaling.whole(("original_max_position_embeddings",), positions, high=LONGEST_CONTEXT)
    return max(1, int(positions * scaling.number("factor", None if kind in SCALED else 1.0, 1e-3, 1e4)))
