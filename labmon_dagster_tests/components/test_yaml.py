"""What a LoggerNetTable in YAML may say, and how it refuses what cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from labmon_dagster.components import LoggerNetTable
from labmon_dagster.components.lab import feed_named, load_feeds
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
    ({"encoding": "utf-16"}, "Input should be 'utf-8' or 'latin-1'"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        LoggerNetTable.model_validate({**TOWER, "directory": "x", **change})
    assert message in str(refused.value)


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
