"""A program that runs beside the tests: started, waited for, and gone when the tests are.

Its words go to a file, and the end of that file is in the error if it does not come up.
"""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.authority import LOOPBACK

POLL_SECONDS = 0.05
STOP_SECONDS = 10.0
LAST_LINES = 25
FIRST_PORT, PORTS = 20_000, 12_000
"""Below 32768, where Linux begins to choose ports by itself (ip_local_port_range)."""


class NotStartedError(Exception):
    """A program ended, or was not ready in time; says what it wrote last."""


class Program:
    """One running program; ``log`` is the file of all that it wrote."""

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = log.stem
        self.log = log
        # A killed test run must not leave a cluster behind: the kernel ends the child with us.
        guard = shutil.which("setpriv")
        guarded = [guard, "--pdeathsig", "KILL", *command] if guard else list(command)
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=dict(environ) if environ is not None else None,
                # A Ctrl-C is for the tests: they stop the programs in the right order.
                start_new_session=True,
            )

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until ``is_ready``, for at most ``seconds``.

        Raises:
            NotStartedError: it never was, or the program ended.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self._process.poll() is not None:
                raise NotStartedError(self._said(f"ended with {self._process.returncode}"))
            if time.monotonic() > deadline:
                raise NotStartedError(self._said(f"was not ready after {seconds:g} s"))
            time.sleep(POLL_SECONDS)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, how: signal.Signals) -> None:
        """Send it a signal, and do not wait for what comes of it."""
        self._process.send_signal(how)

    def ended(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        return self._process.wait(seconds)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, with force if it does not go by itself; nothing if it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _said(self, what: str) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"{self.name} {what}; {self.log} ends:", *lines[-LAST_LINES:]])


def free_port() -> int:
    """A port of loopback that nothing listens on now, and that the kernel gives to nobody else.

    Port 0 would give one of those from which connections are made: another program may well have
    it before ours does.
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until it is so; fails, saying ``what`` was waited for, after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(POLL_SECONDS)


def never(is_so: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it is not so at any moment of the next ``seconds``, as far as one can look."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return False
        time.sleep(POLL_SECONDS)
    return True
