"""The content-addressed store of artefacts."""
