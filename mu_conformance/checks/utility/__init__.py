"""Check utility: the model is as useful as one retrained without the forget set."""
