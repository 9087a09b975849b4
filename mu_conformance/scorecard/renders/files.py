"""Write renders into a report folder. The scorecard is the document; nothing that goes wrong here changes a verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.renders import markdown

__all__ = ["write_card_renders", "write_render"]


def write_render(path: Path, render: Callable[[], str], problems: list[str]) -> str:
    """Write a render; return its text, or an empty one with a line added to ``problems``.

    An earlier file of that name is removed then, because it would be taken for a render of this run.
    """
    try:
        rendered = render()
        path.write_text(rendered, encoding="utf-8", errors="replace")
    except OSError as error:
        problems.append(f"{path} could not be written: {error.strerror}")
    except Exception as error:
        problems.append(f"{path.name} could not be made ({type(error).__name__}: {error}); the scorecard has all of it")
    else:
        return rendered
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    return ""


def write_card_renders(folder: Path, card: Document, problems: list[str]) -> str:
    """Write ``index.html`` and ``scorecard.md`` beside a scorecard; return the Markdown."""

    def page() -> str:
        from mu_conformance.scorecard.renders import html

        return html.render(card)

    write_render(folder / "index.html", page, problems)
    return write_render(folder / "scorecard.md", lambda: markdown.render(card), problems)
