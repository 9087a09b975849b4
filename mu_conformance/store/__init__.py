"""Store artefacts at addresses made of what they depend on."""
