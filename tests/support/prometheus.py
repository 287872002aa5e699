"""Real promtool, Prometheus and Alertmanager on loopback, as ``make prometheus`` built them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.authority import LOOPBACK
from tests.support.control_plane import answers
from tests.support.processes import Program, free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
START_SECONDS = 60.0


def _folder() -> Path:
    where = ["bash", str(DEPLOY / "folder")]
    said = subprocess.run(where, check=True, capture_output=True, text=True)
    return Path(said.stdout.rstrip("\n")).resolve()


FOLDER = _folder()
"""Where ``make prometheus`` puts what it builds; asked for when this module is first imported,
before the tests' fixtures clear the environment."""

CRDS = FOLDER / "crds"
"""The CRD of the operator's PrometheusRule."""


def missing() -> str | None:
    """Why there can be no Prometheus, as a sentence; None if it is there."""
    if (FOLDER / "bin" / "alertmanager").is_file():
        return None
    return f"no Prometheus in {FOLDER / 'bin'}: run `make prometheus` first (it needs Go)"


def promtool(*words: str, said: bytes = b"") -> str:
    """All that promtool prints; fails, with its words, if it finds fault."""
    command = [str(FOLDER / "bin" / "promtool"), *words]
    ended = subprocess.run(
        command, input=said, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    text = ended.stdout.decode()
    assert ended.returncode == 0, text
    return text


class Alertmanager:
    """One that runs, with the receivers that it is given."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        """Started at once, and ready when this returns."""
        self.address = f"{LOOPBACK}:{free_port()}"
        self.http = httpx.Client(base_url=f"http://{self.address}", trust_env=False)
        command = [
            str(FOLDER / "bin" / "alertmanager"),
            f"--config.file={_written(folder / 'alertmanager.yml', configuration)}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={self.address}",
            # One alone: it looks for no others.
            "--cluster.listen-address=",
        ]
        self.program = _started(command, folder / "alertmanager.log", self.address)

    def alerts(self) -> list[dict[str, Any]]:
        """What fires."""
        found: list[dict[str, Any]] = self.http.get("/api/v2/alerts").raise_for_status().json()
        return found

    def stop(self) -> None:
        """End it."""
        self.http.close()
        self.program.stop()


class Prometheus:
    """One that scrapes and judges each second, and tells an Alertmanager."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        """Started at once, and ready when this returns."""
        address = f"{LOOPBACK}:{free_port()}"
        self.http = httpx.Client(base_url=f"http://{address}", trust_env=False)
        path = _written(folder / "prometheus.yml", configuration)
        promtool("check", "config", "--lint=all", "--lint-fatal", str(path))
        command = [
            str(FOLDER / "bin" / "prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={address}",
        ]
        self.program = _started(command, folder / "prometheus.log", address)

    def asked(self, path: str) -> Any:
        """The data of an answer of its API."""
        return self.http.get(f"/api/v1/{path}").raise_for_status().json()["data"]

    def stop(self) -> None:
        """End it."""
        self.http.close()
        self.program.stop()


def _written(path: Path, configuration: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")
    return path


def _started(command: list[str], log: Path, address: str) -> Program:
    program = Program(command, log)
    try:
        program.wait_until(lambda: answers(f"http://{address}/-/ready"), START_SECONDS)
    except BaseException:
        program.stop()
        raise
    return program
