"""What `labmon emulate --help` says."""

from __future__ import annotations

from labmon_dagster.sources.emulation.faults import Fault
from labmon_dagster_tests.cli.lab import told


def test_the_list_speaks_of_what_writes_and_what_answers() -> None:
    shown = told("emulate", "--help")
    assert "programs write, devices answer" in shown
    assert "Be an Aim-TTi supply" in shown and "Be a Multicomp supply" in shown and "Be a A" not in shown


def test_every_fault_is_explained() -> None:
    shown = " ".join(told("emulate", "mmr3", "--help").split())
    for fault in Fault:
        assert f"{fault.value}: " in shown
