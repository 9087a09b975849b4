"""The table of what scenarios can tell: rows that were measured take the place of those that were there."""

from __future__ import annotations

from pathlib import Path

import pytest

COLUMNS = ("task", "model", "forget set", "separation")


@pytest.fixture
def write(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import fixture_power

    return fixture_power.write


def rows(*cells: str) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, line.split(), strict=True)) for line in cells]


def table_of(page: Path) -> list[str]:
    return [line for line in page.read_text().splitlines() if line.startswith("|")]


def test_rows_are_replaced_and_others_stay(write, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table -->\n<!-- end -->\nafter\n")
    write(page, COLUMNS, rows("text bert unit 9.0", "text bert random 8.0", "video mae unit 7.0"))
    write(page, COLUMNS, rows("text bert random 8.5", "text bert backdoored 6.5", "image resnet unit 5.0"))
    assert table_of(page)[2:] == [
        "| image | resnet | unit | 5.0 |",
        "| text | bert | unit | 9.0 |",
        "| text | bert | random | 8.5 |",
        "| text | bert | backdoored | 6.5 |",
        "| video | mae | unit | 7.0 |",
    ]
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")


def test_a_table_of_other_columns_is_written_anew(write, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- table -->\n| task | seconds |\n| --- | --- |\n| text | 3 |\n<!-- end -->\n")
    write(page, COLUMNS, rows("text bert unit 9.0"))
    assert table_of(page)[2:] == ["| text | bert | unit | 9.0 |"]
