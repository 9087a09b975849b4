"""Only for this repository's own tests; never shipped."""

collect_ignore = ["docs/examples", "tests/toy", "suites"]
