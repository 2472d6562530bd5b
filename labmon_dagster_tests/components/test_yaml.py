"""What a LoggerNetTable in YAML may say, and how it refuses what cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from labmon_dagster.cli.complaints import complaints
from labmon_dagster.components import LoggerNetTable
from labmon_dagster.components.lab import feed_named, load_feeds
from labmon_dagster.quality import FieldRules
from labmon_dagster_tests.labs import TOWER, tower

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"zone": "UTC-5"}, "unknown zone 'UTC-5'; allowed: a fixed offset like UTC-05:00"),
    ({"zone": "America/Detroi"}, "unknown zone"),
    ({"start": "yesterday"}, "'yesterday' is no day; write YYYY-MM-DD"),
    ({"interval": "5 seconds"}, "5 seconds"),
    ({"asset": "tower"}, "String should match pattern"),
    ({"files": []}, "at least 1 item"),
    ({"mode": "appended"}, "Input should be 'append', 'create-new' or 'overwrite'"),
    ({"tags": {"station": "{statoin}"}}, "unknown {statoin}; allowed: station, model, serial"),
    ({"tags": {"PPFD": "x"}}, "both tag and field: PPFD"),
    ({"header": "none"}, "`names` goes with `header: none`, and only with it"),
    ({"names": ["a"]}, "`names` goes with `header: none`, and only with it"),
    ({"drop": ["calPPFD"]}, "columns used more than once: calPPFD"),
    (
        {"fields": {"a": {"column": "x"}, "b": {"column": "x"}}, "quality": {}},
        "columns used more than once: x",
    ),
    ({"computed": {"Sum": "PPFD + Missing"}}, "no number field Missing; allowed: Calibration_PPFD"),
    ({"computed": {"Sum": "PPFD +"}}, "'PPFD +' is no expression"),
    ({"computed": {"PPFD": "RECORD + 1"}}, "computed PPFD: there is a field of that name"),
    ({"quality": {"PFD": {"sentinels": [1]}}}, "quality PFD: no such field; allowed: Calibration_PPFD"),
    ({"quality": {"PPFD": {"rnage": {"fail": [0, 1]}}}}, "rnage"),
    ({"quality": {"PPFD": {"range": {"fail": [1, 0]}}}}, "low is above high"),
    (
        {"fields": {"PPFD": {"type": "text"}}, "quality": {"PPFD": {"sentinels": [1]}}},
        "rules are for numbers",
    ),
    ({"fields": {"PPFD": {"typ": "text"}}, "quality": {}}, "Extra inputs are not permitted"),
    ({"quality": {"PPFD": []}}, "an empty list tests nothing"),
    (
        {"quality": {"PPFD": [{"where": {"PPFD": "x"}, "sentinels": [1]}]}},
        "quality PPFD: where: no tag PPFD; allowed: station, table",
    ),
    ({"encoding": "utf-16"}, "Input should be 'utf-8' or 'latin-1'"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LoggerNetTable.model_validate({**TOWER, "directory": "x", **change})
    assert message in str(refused.value)


def test_complaints_of_rules_for_some_series_name_their_place() -> None:
    quality = {
        "PPFD": [
            {"where": {"station": 3}, "range": {"suspect": [0, 1]}},
            {"range": {"fial": [0, 1]}},
            {"wehre": {}, "spike": {"fail": 1, "within": "5 miles"}},
        ],
        "Total_PPFD": [{"sentinels": [1]}, {"where": {"station": "x"}, "sentinels": [2]}],
        "Diffuse_PPFD": {"rnage": {}, "sentinels": 3},
    }
    given = {**TOWER, "directory": "x", "quality": quality}
    with pytest.raises(ValidationError) as refused:
        LoggerNetTable.model_validate(given)
    said = [(place[1:], text[:40]) for place, text in complaints(refused.value, LoggerNetTable, given)]
    assert said == [
        (("PPFD", 0, "where", "station"), "should be a string, not 3"),
        (("PPFD", 1, "range", "fial"), "unknown key; did you mean fail? allowed:"),
        (("PPFD", 2, "spike", "within"), "'5 miles' is no length of time; write a "),
        (("PPFD", 2, "wehre"), "unknown key; did you mean where? allowed"),
        (("Total_PPFD",), "rule 2 is never reached, as rule 1 takes"),
        (("Diffuse_PPFD", "sentinels"), "sentinels is a list of numbers, as in [7"),
        (("Diffuse_PPFD", "rnage"), "unknown key; did you mean range? allowed"),
    ]


def test_rules_come_through_dagster_in_either_form() -> None:
    rules = {"PPFD": {"sentinels": [1]}, "Total_PPFD": [{"where": {"table": "T"}, "sentinels": [2]}]}
    table = LoggerNetTable.resolve_from_dict({**TOWER, "directory": "x", "quality": rules})
    assert table.quality == {
        "PPFD": FieldRules(sentinels=[1]),
        "Total_PPFD": [FieldRules(where={"table": "T"}, sentinels=[2])],
    }
    assert table.feed().recipe.flags == ["PPFD_qc", "Total_PPFD_qc"]


def test_the_lab_of_the_project_has_the_tower() -> None:
    (feed,) = [feed for feed in load_feeds() if feed.asset == "ameriflux_umbs/tower_46m"]
    assert (feed.measurement, str(feed.start), feed.interval) == (
        "Ameriflux_fastdata",
        "2021-06-01",
        5 * 10**9,
    )
    assert [field.name for field in feed.fields] == [
        "PPFD",
        "Total_PPFD",
        "Diffuse_PPFD",
        "Calibration_PPFD",
        "Solar_Incidence",
        "RECORD",
    ]
    with pytest.raises(ValueError, match="no asset 'nobody/here'; there are ameriflux_umbs/tower_46m"):
        feed_named("nobody/here")


def test_the_version_changes_with_what_changes_rows_only() -> None:
    version = tower(Path("a")).version
    assert tower(Path("b"), description="other", owners=["x@y.z"], patience=9).version == version
    assert tower(Path("a"), zone="UTC").version != version
    assert tower(Path("a"), quality={}).version != version


def test_the_originals_headerless_table(tmp_path: Path) -> None:
    """The .tst table of the first dashboard: Plot and Code as tags, Status dropped, Sum computed."""
    from labmon_dagster.model import Request, Window

    (tmp_path / "a.tst").write_text(
        '2021-06-25 10:00:00,OK,"3",20.5,1.25,7\n2021-06-25 10:00:05,OK,"3",,1.5,7\n'
    )
    feed = tower(
        tmp_path,
        files=["*.tst"],
        header="none",
        names=["Timestamp", "Status", "Plot", "Temp", "Flux_Value", "Code"],
        stamp="Timestamp",
        drop=["Status"],
        tags={"Plot": {"column": "Plot"}, "Code": {"column": "Code"}},
        fields={"Temp": {}, "Flux_Value": {}},
        computed={"Sum": "Temp + Flux_Value"},
        quality={},
    )
    now = 1_700_000_000 * 10**9
    batches = [b for b in feed.source.read(Request(Window(0, 1), {}, {}, now)).batches if b.rows.num_rows]
    import polars as pl

    rows = feed.recipe.prepare(pl.DataFrame(batches[0].rows), batches[0].measurement.tags)
    assert rows.select("Plot", "Code", "Temp", "Flux_Value", "Sum").rows() == [
        ("3", "7", 20.5, 1.25, 21.75),
        ("3", "7", None, 1.5, None),
    ]
