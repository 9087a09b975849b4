"""Train models, on one device or several."""
