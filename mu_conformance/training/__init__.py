"""Making models: the training loop, on one device or several."""
