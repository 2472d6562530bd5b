"""How records are told in words."""

from __future__ import annotations

from datetime import UTC, datetime
from math import nan

from labmon_dagster.records.models import Stream, Temperature
from labmon_dagster.records.words import processing_text, temperature_text


def stream(**labels: str) -> Stream:
    """A stream of two detectors, and what was done with some of them."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    history = [
        {"timestamp": at, "det_name": name, "label": label, "code_commit": "87b5e5a"}
        for name, label in labels.items()
    ]
    channels = [{"det_name": name} for name in ("FID1", "RED15")]
    return Stream.model_validate({"name": "s", "channel_config": channels, "history": history})


def test_what_is_the_same_of_all_detectors_is_said_once() -> None:
    assert processing_text(stream()) == ""
    assert processing_text(stream(FID1="processed")) == "FID1: processed 87b5e5a"
    assert processing_text(stream(RED15="processed", FID1="processed")) == "processed 87b5e5a"
    differing = processing_text(stream(RED15="analyzed", FID1="processed"))
    assert differing == "FID1: processed 87b5e5a; RED15: analyzed 87b5e5a"


def test_a_temperature_has_the_digits_its_deviation_allows() -> None:
    assert temperature_text(None) == ""
    assert temperature_text(Temperature(mean=3.61234, std=0.0271)) == "3.612 ± 0.027 K"
    assert temperature_text(Temperature(mean=3.5, std=0)) == "3.5000 ± 0.0000 K"
    assert temperature_text(Temperature.model_construct(mean=nan, std=nan)) == "not understood"
