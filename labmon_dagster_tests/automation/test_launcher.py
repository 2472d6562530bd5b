"""A run whose process was killed is known to be gone, so that it does not hold up its experiment."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import WorkerStatus
from dagster._grpc.types import CanCancelExecutionResult
from dagster._serdes import serialize_value

from labmon_dagster.automation.launcher import Launcher


class CodeServer:
    """A code server that knows of a run, or does not, or is away."""

    def __init__(self, knows: bool | None) -> None:
        self.knows = knows

    def can_cancel_execution(self, request: object, timeout: int) -> str:
        if self.knows is None:
            raise DagsterUserCodeUnreachableError("away")
        return serialize_value(CanCancelExecutionResult(can_cancel=self.knows))


@pytest.mark.parametrize(
    ("knows", "status"),
    [(True, WorkerStatus.RUNNING), (False, WorkerStatus.FAILED), (None, WorkerStatus.RUNNING)],
)
def test_a_run_without_a_process_has_failed(
    knows: bool | None, status: WorkerStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = {"run_launcher": {"module": "labmon_dagster.automation.launcher", "class": "Launcher"}}
    with dg.instance_for_test(overrides=overrides) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, Launcher)
        assert launcher.supports_check_run_worker_health
        monkeypatch.setattr(launcher, "_get_grpc_client_for_termination", lambda run: CodeServer(knows))
        run = instance.create_run_for_job(dg.job(name="it")(lambda: None))
        assert launcher.check_run_worker_health(run).status is status


def test_of_a_run_that_was_not_launched_by_a_server_nothing_is_said() -> None:
    overrides = {"run_launcher": {"module": "labmon_dagster.automation.launcher", "class": "Launcher"}}
    with dg.instance_for_test(overrides=overrides) as instance:
        run = instance.create_run_for_job(dg.job(name="it")(lambda: None))
        assert instance.run_launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
