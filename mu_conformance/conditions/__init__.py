"""What a run varies besides the method: adapters, curriculum, shards, a budget of FLOPs."""
