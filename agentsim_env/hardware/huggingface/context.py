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
    if key is None or not isinstance(fields.get(key), dict) or str(fields.get("model_type", "")).startswith("gemma3"):
        return positions
    scaling = fields.nested(key)
    assert scaling is not None
    inner = [scaling.nested(name) for name, value in scaling.values.items() if isinstance(value, dict)]
    for one in inner or [scaling]:  # one for all layers, or one for each kind of them
        positions = positions if one is None else _scaled(one, positions)
    return min(LONGEST_CONTEXT, positions)


def _scaled(scaling: Fields, positions: int) -> int:
    kind = scaling.get("rope_type") or scaling.get("type")
    if not isinstance(kind, str) or kind in ALREADY_SCALED:
        return positions
    if kind == "yarn":
        positions = scaling.whole(("original_max_position_embeddings",), positions, high=LONGEST_CONTEXT)
    return max(1, int(positions * scaling.number("factor", 1.0, 1e-3, 1e4)))
