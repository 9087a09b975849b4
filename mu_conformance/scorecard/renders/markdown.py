"""The Markdown render of a scorecard."""

from __future__ import annotations

import jinja2

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.summary import headline, level_notes, task_rows

__all__ = ["render"]

_TEMPLATE = """\
# mu-conformance: {{ card.method.ref }} is {{ card.verdict.status.replace("_", " ") }}

{{ headline }}

| scenario | forgetting | privacy | utility | robustness | cost | contract | power |
| --- | --- | --- | --- | --- | --- | --- | --- |
{% for row in rows -%}
| {{ row.scenario }} |{% for family in families %} {{ row[family] }} |{% endfor %} {{ row.power }} |
{% endfor %}
Each cell: checks passed of checks required. Power: how many reference standard deviations lie between the originals and
the references on the sharpest forgetting measure; no less than 6 can judge.
{% if card.verdict.distance %}
| distance from retraining, in margins | median | worst | where |
| --- | --- | --- | --- |
{% for family, found in card.verdict.distance.items() -%}
| {{ family }} | {{ "%.2f" | format(found.median) }} | {{ "%.2f" | format(found.worst) }} | {{ found.check }} on \
{{ found.scenario }} |
{% endfor %}{% endif %}{% if bad %}
## Not passed

{% for entry in bad -%}
- **{{ entry.id }}** on {{ entry.scenario }}: {{ entry.outcome }}{% if entry.fault %} (fault: {{ entry.fault }})\
{% endif %}. {{ entry.message }} Reproduce: `{{ entry.reproduce }}`
{% endfor %}{% endif %}{% if notes %}
## Recommendations

These decide nothing. With `--mu-strict` they do.

{% for note in notes -%}
- {{ note }}
{% endfor %}{% endif %}
Suite {{ card.suite.version }}, profile {{ card.suite.profile }}, {{ card.suite.references }} references, runs at most \
{{ card.suite.looks[-1] }}, intervals at {{ "%.1f" | format(100 * card.suite.level) }} %. \
Generated {{ card.generated_at }}.
{% set alarms = card.suite.false_alarm_rate %}{% if alarms and alarms.tasks -%}
Exact retraining is not conformant in {{ "%.1f" | format(100 * alarms.estimate) }} % of judgements \
[{{ "%.1f" | format(100 * alarms.interval[0]) }}, {{ "%.1f" | format(100 * alarms.interval[1]) }}] on \
{{ alarms.tasks | join(", ") }}.
{% endif -%}
"""

_FAMILIES = ("forgetting", "privacy", "utility", "robustness", "cost", "contract")


def render(scorecard: Document) -> str:
    """Return the scorecard as Markdown, a pure function of it."""
    lines = jinja2.Environment(autoescape=False, trim_blocks=False).from_string(_TEMPLATE)
    partial = not scorecard.complete
    noted = {(found["id"], found["scenario"]) for found in scorecard.verdict.recommendations}
    required = [check for check in scorecard.checks if check.required and check.outcome is not Outcome.PASSED]
    bad = [check for check in required if (check.id, check.scenario) not in noted]
    return lines.render(
        card=scorecard,
        headline=headline(scorecard),
        rows=task_rows(scorecard),
        families=_FAMILIES,
        bad=[check for check in bad if not (partial and check.outcome is Outcome.NOT_RUN)],
        notes=level_notes(scorecard),
    )
