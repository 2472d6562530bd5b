"""What people see while the lab runs: steps done, then one line of figures. Also without a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

_STATUS_PAUSE = 30.0


class Display:
    """Lines on standard output. On a terminal the last line is what goes on now, and is written over."""

    def __init__(self, console: Console | None = None) -> None:
        if console is None and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        self.console = console or Console(highlight=False)
        self._began = time.monotonic()
        self._told = -_STATUS_PAUSE
        self._shown = ""
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        if self.console.is_terminal:
            self._live.start()

    def step(self, text: str, *, style: str = "") -> None:
        """Something is done; it stays to be seen, with the seconds since the start."""
        passed = f"{time.monotonic() - self._began:5.1f} s"
        self._line(Text.assemble(("✓ ", "green"), (passed, "dim"), "  ", (text, style)))

    def note(self, text: str) -> None:
        """Something to know."""
        self._line(Text(f"           {text}"))

    def trouble(self, text: str, lines: Iterable[str] = ()) -> None:
        """Something is wrong, and lines that tell more."""
        self._line(Text.assemble(("✗ ", "red"), (text, "bold")))
        for line in lines:
            self._line(Text(f"    {line}", "dim"))

    def doing(self, text: str) -> None:
        """Tell what is waited for; only a terminal shows it."""
        if self.console.is_terminal:
            self._show(f"… {text}")

    def status(self, text: str) -> None:
        """Tell how it goes: in place on a terminal, else as a line from time to time."""
        if self.console.is_terminal:
            self._show(text)
        elif time.monotonic() - self._told >= _STATUS_PAUSE:
            self._told = time.monotonic()
            self._line(Text(f"{datetime.now().astimezone():%H:%M:%S}   {text}"))

    def _show(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            self._live.update(Text(text, "dim"), refresh=True)

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def _line(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)
