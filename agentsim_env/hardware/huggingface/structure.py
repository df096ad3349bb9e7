"""Fields that are not understood and look as if they change layers, attention, experts or heads.

Numbers, lists and objects are refused by name: they are what shapes are made of. Words and switches are warned of by
name, and refused where they say that tokens are mixed, or layers shared, in another way.
"""

import re
from collections.abc import Mapping

from agentsim_env.hardware.dtypes import UnknownHardwareError
from agentsim_env.hardware.huggingface.fields import Fields

STRUCTURAL = re.compile(
    r"layer|head|expert|moe|attn|attention|window|slid|chunk|mamba|ssm|state|conv|recurren|hybrid|pattern|block|interval"
    r"|period|freq|lora|latent|low_rank|mlp|ffn|intermediate|hidden|width|dim$|_dim_|kv|key|value|share|depth|^num_|^n_"
    r"|size|top_?k|compress|^hc_|mhc|residual|index|ngram|engram|hash|loop|memory|sparse|linear|skip|exit|router|parallel"
    r"|mixer|mla|yoco|retention|rwkv|ut_steps"
)
HARMLESS = re.compile(
    r"rope|rotary|theta|yarn|_token|token_i|dropout|drop$|pdrop|_eps|epsilon|init|_act$|_act_|activation|_fn$|func|bias|norm"
    r"|scal|multiplier|capacity_factor|attn_factor|extrapolation_factor|model_parallel|soft_?cap|_cap$|clip|limit|coef|loss|aux|jitter|noise|z_|temp|_dtype|dtype$|precision|fp32|attn_res_block_size"
    r"|image|video|talker|vision|visual|audio|speech|mm_|modal|spatial|temporal|patch|projector|merge|label|output_|return_|use_cache"
    r"|cache_|tokenizer|version|auto_map|architectures|model_type|name_or|^name$|file_?name|pretraining_tp|tensor_parallel|pad_|prune|finetun"
    r"|summary|dense_replace_scale|alpha|beta|gamma|position|seq_?len|max_len|max_length|min_length|chunk_size_feed_forward|tie_(word|weight|embed|encoder|lm)"
    r"|flash|kernel_options|implementation|_impl$|is_decoder|cross_attention_hidden|gradient|ckpt|checkpoint|quanti[sz]"
    r"|problem_type|torchscript|sep_|begin_suppress|generat|beam|sampl|penalty|diversity|num_logits|logit|logn|ntk|dynamic"
    r"|use_qk|qk_|zero_init|reorder|upcast|time_step|dt_|a_log_|neg_eigval|_range$|deterministic|group_limited|topk_group|n_group$|expert_group"
    r"|topk_method|scoring|score|renormali|norm_topk|seq_aux|ep_size|moe_tp|sinks?$|mtp|nextn|predict|eagle|draft|medusa"
    r"|parallel_residual|use_parallel_residual|parallel_attn$|alibi|mup|emb_dropout|embd_pdrop|bos|eos"
    r"|use_mamba_kernels|mamba_chunk_size|^chunk_size$|chunk_length|layer_?drop|_layernorm|layernorm"
    r"|use_rms|rms_|sandwich|post_|pre_|router_logit|router_bias|router_act|^gate|prefix|unsloth|trust|task_|id2|2id"
    r"|^top_k$|_vocab_size$|batch_size|max_attn_value|^vit_|^vt_|embd_layer|_lora$|^img_|num_img|_processor$|^n_ctx$|^org_vocab_size$|num_media_embeds|^class_num$|^dense_list$|mlp_type$|^mlp_expansion_factor$|shared_moe_mode"
    r"|use_mixed_mlp_moe|use_grouped_topk|use_mamba|mamba_use_mlp|use_parallel|order_of_interleaved|use_bidirectional"
    r"|transformers|dtypes|attn_implementation|attn_logit|save_|swiglu|glu_|use_expert_bias|moe_router|moe_renorm|moe_gate"
    r"|moe_use|moe_apply|moe_aux|moe_dropped|moe_capacity|moe_norm|moe_multi|moe_group|moe_k_norm|nope|mscale|freeze|tf_|xla"
)
# Words and switches, as "name=value", that say what no field describes: another mixer, shared layers, KV or experts.
ANOTHER_KIND = re.compile(
    r"linear_?att|latent|mla|retention|rwkv|recurr|mamba|ssm|yoco|cross_?att|(kv|layer)s?_?shar|share_?(kv|layer)"
    r"|shared_experts?=|pattern=|=.*(linear|delta|lightning|local|window|slid|sparse|hybrid)"
)
# Of one in one, or of one time as much, changes nothing.
RATIO = re.compile(r"ratio|factor|every|interval|period|freq")


def check_structure(fields: Fields) -> None:
    """Refuses, or warns of, what was not asked for and looks structural.

    Raises:
        UnknownHardwareError: It names the fields.
    """
    unknown = {key: value for key, value in fields.values.items() if key not in fields.asked and _matters(key, value)}
    switches = {
        key: value for key, value in unknown.items() if isinstance(value, bool | str) and not _is_kind(key, value)
    }
    shapes = {key: value for key, value in unknown.items() if key not in switches}
    if shapes:
        raise UnknownHardwareError(
            f"{fields.place}: not understood: {_listed(shapes)}. They may change layers, attention, experts or heads, "
            "so the model is not costed; if they change nothing, delete them from a copy of the file and name that"
        )
    if switches:
        fields.warn(f"taken to change nothing in the work: {_listed(switches)}")


def _matters(key: str, value: object) -> bool:
    name = key.lower()
    neutral = not value or (value in (1, 1.0) and value is not True and bool(RATIO.search(name)))
    return not neutral and bool(STRUCTURAL.search(name)) and not HARMLESS.search(name)


def _is_kind(key: str, value: bool | str) -> bool:
    return bool(ANOTHER_KIND.search(f"{key:.100}={value!s:.100}".lower()))  # words are short


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} ({_short(values[key])})" for key in sorted(values))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
