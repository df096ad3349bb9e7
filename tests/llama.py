"""A model that scenarios name by the path of its `config.json`."""

LLAMA_3_1_8B = {
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
"""What of the configuration of Llama 3.1 8B makes its shape."""
