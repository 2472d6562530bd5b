"""The SQL that is asked, and the types of what is bound, as golden files for each database.

`python -m labmon_dagster_tests.sources.wincc_archive.test_statements` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import oracledb
import pytest
import sqlglot
import yaml

import labmon_dagster.sources.wincc_archive
from labmon_dagster.model import DAY, Window
from labmon_dagster.sources.wincc_archive import oracle, sqlite
from labmon_dagster.sources.wincc_archive.spec import Table, TagRule
from labmon_dagster.sources.wincc_archive.statements import Dialect, Statement, Statements, likes
from labmon_dagster_tests.sources.wincc_archive.archives import START
from labmon_dagster_tests.sources.wincc_archive.double import Cursor, Variable

CASES = sorted(
    path for path in (Path(labmon_dagster.sources.wincc_archive.__file__).parent / "cases").iterdir()
)
WINDOW = Window(START + 1_500_000, START + DAY)


def statements(case: Path, dialect: Dialect) -> dict[str, Statement]:
    given = yaml.safe_load((case / "table.yaml").read_text())
    schema = given.pop("schema")
    table = Table(**{**given, "datapoints": tuple(given["datapoints"])}, rules=(TagRule(".*", {"a": "b"}),))
    asked = Statements(schema, table, dialect)
    return {
        "names": asked.names(),
        "rows": asked.rows(WINDOW),
        "newest": asked.newest(WINDOW),
        "counts": asked.counts(WINDOW),
        "minutes": asked.minutes(WINDOW),
        "census": asked.census(WINDOW),
        **({"undated": asked.undated()} if dialect is Dialect.SQLITE else {}),
    }


def sql(case: Path, dialect: Dialect) -> str:
    return "\n\n".join(f"-- {name}\n{one.text};" for name, one in statements(case, dialect).items()) + "\n"


def bound(case: Path, dialect: Dialect) -> dict[str, Any]:
    return {name: _bound(one, dialect) for name, one in statements(case, dialect).items()}


def _bound(one: Statement, dialect: Dialect) -> dict[str, list[str]]:
    if dialect is Dialect.SQLITE:
        return {name: ["text", value] for name, value in sqlite.bound(one.binds).items()}
    given = oracle.bound(Cursor([]), one.binds)
    return {name: _oracle(value) for name, value in given.items()}


def _oracle(value: object) -> list[str]:
    if isinstance(value, Variable):
        assert isinstance(value.type, oracledb.DbType)
        return [value.type.name, str(value.value)]
    assert isinstance(value, str)
    return ["DB_TYPE_VARCHAR", value]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("dialect", Dialect)
def test_statements_are_the_golden_ones(case: Path, dialect: Dialect) -> None:
    assert sql(case, dialect) == (case / f"expected.{dialect}.sql").read_text()
    assert bound(case, dialect) == json.loads((case / f"expected.{dialect}.binds.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("dialect", Dialect)
def test_statements_are_sql_and_bind_all_values(case: Path, dialect: Dialect) -> None:
    for one in statements(case, dialect).values():
        (parsed,) = sqlglot.parse(one.text, dialect=dialect.value)
        assert parsed is not None
        assert {str(bind.this) for bind in parsed.find_all(sqlglot.exp.Placeholder)} == set(one.binds)


@pytest.mark.parametrize(
    ("pattern", "like"),
    [
        ("a*b?c", "a%b_c"),
        ("x_1%", r"x\_1\%"),
        ("Chip_[01]/C", r"Chip\__/C"),
        ("[!a]z", "_z"),
        (r"a\b", r"a\\b"),
    ],
)
def test_patterns_as_like(pattern: str, like: str) -> None:
    assert likes([pattern]) == [like]


if __name__ == "__main__":
    for folder in CASES:
        for kind in Dialect:
            (folder / f"expected.{kind}.sql").write_text(sql(folder, kind))
            text = json.dumps(bound(folder, kind), indent=1)
            (folder / f"expected.{kind}.binds.json").write_text(text + "\n")
