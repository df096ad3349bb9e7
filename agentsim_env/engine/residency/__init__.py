"""The KV residency model: which blocks are where, who locks and who pins them."""
