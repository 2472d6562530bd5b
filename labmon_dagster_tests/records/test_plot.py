"""Plots: no extreme is lost, gaps are seen, and the small one fits into what the UI shows at once."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labmon_dagster.model import SECOND, Window
from labmon_dagster.records.models import Run, Stream
from labmon_dagster.records.page import escaped, page
from labmon_dagster.records.plot import parts, plot, sketch
from labmon_dagster_tests.cli.lab import times
from labmon_dagster_tests.records.thermometer import NOON, at

SVG = "{http://www.w3.org/2000/svg}"


def rows(seconds: list[int], values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"time": times(*(NOON + s * SECOND for s in seconds)), "T": values})


@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.floats(-1e6, 1e6)),
        min_size=1,
        max_size=80,
        unique_by=lambda p: p[0],
    ),
    st.integers(1, 40),
)
def test_extremes_survive_thinning(points: list[tuple[int, float]], columns: int) -> None:
    points.sort()
    t, v = np.array([p[0] for p in points]), np.array([p[1] for p in points])
    found = list(parts(t, v, Window(0, 1000), columns))
    drawn = np.concatenate([values for _, values in found])
    assert (drawn.min(), drawn.max()) == (v.min(), v.max())
    assert sum(map(len, (times for times, _ in found))) <= 2 * columns + 4 * len(found)
    assert len(found) <= columns + 1
    together = np.concatenate([times for times, _ in found])
    assert (np.diff(together) > 0).all()
    assert set(zip(together.tolist(), drawn.tolist(), strict=True)) <= set(points)


@pytest.mark.parametrize("days", [159, 400, 200 * 365])
def test_years_are_drawn_where_they_were(days: int) -> None:
    end = days * 86_400 * SECOND
    found = pl.DataFrame({"time": times(*(end * n // 4 for n in range(5))), "T": [3.0, 5.0, 4.0, 1.0, 2.0]})
    drawn = ET.fromstring(plot(found, "T", Window(0, end + 1), "T (K)"))
    (line,) = drawn.findall(f"{SVG}polyline")
    across = [float(place.split(",")[0]) for place in line.attrib["points"].split()]
    steps = np.diff(across)
    assert across[-1] == 745
    assert len(across) == 5 and steps.min() == pytest.approx(steps.max(), abs=0.2)
    small = ET.fromstring(unquote(sketch(found, "T", Window(0, end + 1)).partition("svg+xml,")[2][:-1]))
    path = small.find(f"{SVG}path")
    assert path is not None
    columns = [int(piece.split(",")[0]) for piece in path.attrib["d"].split("M")[1:]]
    assert np.diff(columns) == pytest.approx([columns[-1] / 4] * 4, abs=1)


def test_a_gap_breaks_the_line_and_a_lonely_reading_is_a_point() -> None:
    seconds = [*range(0, 100, 5), *range(200, 300, 5), 400]
    drawn = ET.fromstring(
        plot(rows(seconds, [3.6] * len(seconds)), "T", Window(NOON, NOON + 500 * SECOND), "T (K)")
    )
    assert len(drawn.findall(f"{SVG}polyline")) == 2
    assert len(drawn.findall(f"{SVG}circle")) == 1


def test_axes_have_units_times_and_days() -> None:
    window = Window(NOON, NOON + 36 * 3600 * SECOND)
    data = rows(list(range(0, 36 * 3600, 600)), [3.6 + n / 1000 for n in range(216)])
    drawn = ET.fromstring(plot(data, "T", window, "T (K)", [Window(NOON - 1, NOON + 10**13)]))
    texts = [one.text for one in drawn.findall(f"{SVG}text")]
    assert {"T (K)", "UTC", "12:00", "00:00", "2026-03-02", "2026-03-03", "3.70"} <= set(texts)
    assert len(drawn.findall(f"{SVG}rect")) == 3, "paper, frame and one stream"


@settings(max_examples=30)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(1, 10**9))
def test_any_readings_can_be_drawn(values: list[float], length: int) -> None:
    data = rows(list(range(len(values))), values)
    window = Window(NOON, NOON + max(length, len(values)) * SECOND)
    ET.fromstring(plot(data, "T", window, "T (K)"))
    small = sketch(data, "T", window)
    assert len(small) < 1000
    ET.fromstring(unquote(small.partition(",")[2][:-1]))


def test_the_sketch_is_empty_where_readings_are_missing() -> None:
    data = rows([*range(300), *range(600, 1000)], [4.0] * 300 + [3.0, 5.0] * 200)
    small = ET.fromstring(
        unquote(sketch(data, "T", Window(NOON, NOON + 1000 * SECOND)).partition(",")[2][:-1])
    )
    path = small.find(f"{SVG}path")
    assert path is not None
    columns = [int(one.split(",")[0]) for one in path.attrib["d"].split("M")[1:]]
    wide = max(columns) + 1
    assert not [one for one in columns if 0.31 * wide < one < 0.59 * wide]
    assert [one.text for one in small.findall(f"{SVG}text")][:2] == ["5K", "3K"]


@pytest.mark.parametrize("text", ["a|b", "*x*", "<b>", "a\nb", "[x](y)", "`c`", "# h"])
def test_what_people_wrote_is_shown_and_not_obeyed(text: str) -> None:
    shown = escaped(text)
    assert "\n" not in shown
    assert shown.replace("\\", "") == " ".join(text.split())
    assert all(shown[n - 1] == "\\" for n, sign in enumerate(shown) if sign in "|*<[`#")


def test_the_page_says_what_there_is() -> None:
    run = Run.model_validate(
        {"name": "run_1", "detector": [{"name": "RED15"}], "start_date": at(0), "description": "cold | dry"}
    )
    said = page(run, [], rows([], []), "T", NOON + 90 * SECOND)
    assert r"## Run run\_1" in said
    assert "| duration | 00:01:30 so far |" in said
    assert r"cold \| dry" in said
    assert "none yet" in said and "No readings yet." in said
    one = Stream.model_validate(
        {
            "name": "s1",
            "start_date": at(0),
            "stop_date": at(60),
            "temperature": {"mean": 3.61, "std": 0.012, "readings": 9},
        }
    )
    said = page(run, [one], rows([0, 60], [3.6, 3.7]), "T", NOON + 90 * SECOND)
    assert r"3.610 ± 0.012 K \(9 readings\)" in said
    assert "2 readings, from 3.6 K to 3.7 K" in said
    assert "(data:image/svg+xml;base64," in said
