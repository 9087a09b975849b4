"""The ini keys and what they mean. Imports nothing: every pytest run in an environment that has us loads it."""

__all__ = ["INI"]

INI = {
    "mu_profile": "smoke, standard or thorough",
    "mu_task": "only these tasks, separated by blanks",
    "mu_report": "where the scorecard and its renders go",
    "mu_waivers": "TOML files of known failures, separated by blanks",
    "mu_baseline": "an earlier scorecard: fail on regression against it",
    "mu_cache": "where artefacts are kept",
    "mu_data": "embedded or hub",
    "mu_time_limit": "seconds for each call of the method",
    "mu_sandbox": "auto, require or off: whether the method runs in a sandbox",
    "mu_strict": "true: checks of level SHOULD decide too",
}
