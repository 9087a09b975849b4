"""The scorecard: one JSON document, and everything else a pure render of it."""
