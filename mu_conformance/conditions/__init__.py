"""Vary a run beside its method: LoRA adapters, a curriculum, shards, a budget of FLOPs."""
