"""From the fields of a `config.json` to a `Model`: one that changes the work is understood, or refused by name."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.huggingface.block_configs import block_layers
from agentsim_env.hardware.huggingface.context import max_context_tokens
from agentsim_env.hardware.huggingface.document import decoder_fields, located, read
from agentsim_env.hardware.huggingface.fields import LARGEST_VOCABULARY, MOST_LAYERS, Fields
from agentsim_env.hardware.huggingface.layer_kinds import LayerKind, layer_kinds, listed_layers
from agentsim_env.hardware.huggingface.mixers import HEAD_DIM, HEADS, KV_HEADS, ONLY_SOME_LAYERS, attention_fields
from agentsim_env.hardware.huggingface.mlps import mlps
from agentsim_env.hardware.huggingface.model_types import ModelType, model_type
from agentsim_env.hardware.huggingface.recurrences import FIELDS as RECURRENCE_FIELDS
from agentsim_env.hardware.huggingface.recurrences import recurrence
from agentsim_env.hardware.huggingface.size_in_name import check_size
from agentsim_env.hardware.huggingface.structure import check_structure
from agentsim_env.hardware.huggingface.weight_format import checkpoint
from agentsim_env.hardware.layers import Attention, Experts, Layers, Mixer, Mlp
from agentsim_env.hardware.model import Model
from agentsim_env.hardware.sampling import published_sampling

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers")
HIDDEN = ("hidden_size", "n_embd", "n_embed", "d_model", "model_dim", "hidden_dim")
VOCABULARY = ("vocab_size", "padded_vocab_size")
TIED = (
    "tie_word_embeddings",
    "tie_embedding",
    "tie_embeddings",
    "share_embedding",
    "share_input_output_layers",
    "weight_tying",
)
LONGEST_NAME = 200
MERGED = ("attn_config", "ffn_config")  # objects whose fields are those of the model (MPT, DBRX)
# What is loaded for nothing that is simulated: layers that predict ahead, groups of experts that routing is limited to.
WITHOUT_EFFECT = (
    "activation_sparsity_pattern",
    "block_dim",
    "conv_dim_out",
    "first_last_layers_bf16",
    "gating_types",
    "num_gqa_groups",
    "qkv_multipliers",
)
OTHER_TASKS = ("MaskedLM", "SequenceClassification", "TokenClassification", "QuestionAnswering", "ImageClassification")


def model_from_config(path: Path) -> Model:
    """Describe a model by its Hugging Face `config.json`.

    A size in its name is held against the count of parameters; see `ModelWarning`.

    Args:
        path: Local file, or the folder of a model; nothing is downloaded.

    Raises:
        UnknownHardwareError: If the file cannot be read, lacks a field, has a value that cannot be, or describes what
            is not modelled; the message names file, field, value and what is allowed.
    """
    file = located(path)
    state = file.stat()
    return _described(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _described(file: Path, _changed_ns: int, _size_bytes: int) -> Model:
    """The model of one state of a file, so that it is read, and warned of, once."""
    content = read(file)
    fields, _ = decoder_fields(content, str(file))
    stated = fields.get("_name_or_path") or content.get("_name_or_path")
    called = file.resolve().parent.name if file.name == "config.json" else file.stem
    fit = isinstance(stated, str) and stated.isprintable() and 0 < len(stated) <= LONGEST_NAME
    name = str(stated) if fit else called or file.stem
    model = replace(model_from_fields(content, name, str(file)), sampling=published_sampling(file))
    check_size(model)
    return model


def model_from_fields(content: Mapping[str, Any], name: str, source: str) -> Model:
    """The model that the fields of a `config.json` describe."""
    values, nested = decoder_fields(content, source)
    _check_task(content, values, source)
    known = _model_type(values, content, source)
    left_out = {**known.left_out, **(known.left_out_nested if nested else {})}
    fields = Fields(source, {**left_out, **_renamed(values)})
    fields.ignore(*left_out, *WITHOUT_EFFECT)
    if "dim" in fields and "n_layers" in fields:
        raise fields.refuse("dim", "this is a params.json; the config.json of the same model is read")
    layers = fields.whole(LAYERS, listed_layers(fields), high=MOST_LAYERS)
    hidden = fields.whole(HIDDEN)
    vocab = fields.whole(VOCABULARY, high=LARGEST_VOCABULARY)
    context = max_context_tokens(fields)
    built = _layers(fields, layers, hidden, known)
    if fields.whole(("full_attn_mod",), 1) != 1:
        raise fields.refuse(
            "full_attn_mod", "layers of another attention among those of full attention are not modelled"
        )
    if fields.whole(("word_embed_proj_dim",), hidden) != hidden:
        raise fields.refuse(
            "word_embed_proj_dim", f"embeddings of another width than the hidden size {hidden} are not modelled"
        )
    tied_key = fields.name(TIED)
    model = Model(
        name=name,
        hidden=hidden,
        vocab=vocab,
        layers_alike=_alike(_without_idle_windows(built, context)),
        max_context_tokens=context,
        source=source,
        tied_embeddings=fields.flag(tied_key) if tied_key else False,
        lookup_weights=_per_layer_embeddings(fields, layers, vocab),
        checkpoint=checkpoint(fields, layers),
    )
    check_structure(fields)
    return model


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with those of inner objects beside them and under one name where a name has two spellings."""
    given = dict(values)
    for key in MERGED:
        inner = given.get(key)
        if isinstance(inner, Mapping):
            del given[key]
            given = {**inner, **given}
    for key in [key for key in given if key.startswith("_")]:
        if given.get(key[1:], given[key]) == given[key]:
            given[key[1:]] = given.pop(key)
    return given


def _check_task(content: Mapping[str, Any], values: Mapping[str, Any], source: str) -> None:
    if content.get("is_encoder_decoder") is True or values.get("is_encoder_decoder") is True:
        raise UnknownHardwareError(f"{source}: is_encoder_decoder is true: only decoders are modelled")
    architectures = content.get("architectures")
    if isinstance(architectures, list):
        for name in architectures:
            if isinstance(name, str) and name.endswith(OTHER_TASKS):
                raise UnknownHardwareError(
                    f"{source}: architectures has {name}: only decoders that generate text are modelled"
                )


def _model_type(values: Mapping[str, Any], content: Mapping[str, Any], source: str) -> ModelType:
    outer = content.get("model_type")
    for name in (outer, values.get("model_type")):
        if name is not None and not isinstance(name, str):
            raise UnknownHardwareError(f"{source}: model_type is {name!r:.60}; it must be a string")
        if name and (refused := model_type(name).refused):
            raise UnknownHardwareError(f"{source}: model_type is {name!r}: {refused}")
    return model_type(values.get("model_type") or outer or "")


def _layers(fields: Fields, layers: int, hidden: int, known: ModelType) -> list[Layers]:
    if "block_configs" in fields:
        return block_layers(fields, layers, hidden)
    kinds = layer_kinds(fields, layers)
    found = mlps(fields, kinds, hidden, known)
    mixers = _mixers(fields, kinds, hidden)
    return [Layers(1, mixers[i], found[i]) for i in range(layers)]


def _mixers(fields: Fields, kinds: list[LayerKind], hidden: int) -> list[tuple[Mixer, ...]]:
    state = recurrence(fields, hidden) if any(kind.mixer in ("recurrent", "both") for kind in kinds) else None
    if state is None:
        fields.ignore_like(RECURRENCE_FIELDS)
    attend = any(kind.mixer not in ("recurrent", "none") for kind in kinds)
    attention = attention_fields(fields, hidden, len(kinds)) if attend else None
    if not attend:
        fields.ignore(*HEADS, *KV_HEADS, *HEAD_DIM)
    fields.ignore_like(ONLY_SOME_LAYERS)
    found: list[tuple[Mixer, ...]] = []
    for i, kind in enumerate(kinds):
        mixers: list[Mixer] = []
        if attention is not None and kind.mixer not in ("recurrent", "none"):
            mixers.append(attention.layer(i, "full" if kind.mixer == "both" else kind.mixer))
        if state is not None and kind.mixer in ("recurrent", "both"):
            mixers.append(state)
        found.append(tuple(mixers))
    return found


def _without_idle_windows(layers: list[Layers], context: int) -> list[Layers]:
    """Windows that hold the longest context are none; nor are those of a model in which every layer has one.

    An engine keeps its KV in blocks of tokens. Where all layers have a window, each token has KV in all of them until
    the window passes it; that it is freed then is not modelled.
    """
    attentions = [mixer for layer in layers for mixer in layer.attentions]
    grows = any(mixer.window is None or mixer.window >= context for mixer in attentions)

    def opened(mixer: Mixer) -> Mixer:
        if isinstance(mixer, Attention) and mixer.window is not None and (not grows or mixer.window >= context):
            return replace(mixer, window=None, mean_window=0)
        return mixer

    return [replace(layer, mixers=tuple(opened(mixer) for mixer in layer.mixers)) for layer in layers]


def _alike(layers: list[Layers]) -> tuple[Layers, ...]:
    """Layers that are alike together, in order of first appearance."""
    counts: dict[tuple[tuple[Mixer, ...], Mlp | Experts | None], int] = {}
    for layer in layers:
        counts[layer.mixers, layer.mlp] = counts.get((layer.mixers, layer.mlp), 0) + 1
    return tuple(Layers(count, mixers, mlp) for (mixers, mlp), count in counts.items())


def _per_layer_embeddings(fields: Fields, layers: int, vocab: int) -> int:
    """Embeddings that each layer looks up for itself (Gemma 3n and 4)."""
    width = fields.whole(("hidden_size_per_layer_input",), 0, low=0)
    rows = fields.whole(("vocab_size_per_layer_input",), vocab, high=LARGEST_VOCABULARY)
    return layers * rows * width
