"""A real Kubernetes control plane on loopback: etcd and kube-apiserver, as ``make cluster`` built.

TLS with an authority of its own, RBAC on, one folder for everything it writes. No kubelet, no
controller and no scheduler: what is put there stays as it is. `tests.support.rig` adds those.
"""

import os
import signal
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.authority import LOOPBACK, Authority, KeyPair
from tests.support.kube_api import KubeApi
from tests.support.processes import Program, free_port

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SPOTCAST_TEST_CLUSTER", ROOT / ".cluster"))
"""Where ``make cluster`` puts what it builds; read when this module is first imported, before the
tests' fixtures clear the environment."""

BINARY = FOLDER / "bin" / "control-plane"
START_SECONDS = 60.0
"""Far more than the three seconds it takes: the machine may be busy."""

ADMIN = "admin"
MASTERS = "system:masters"
"""The group that RBAC lets do everything."""


def missing(*names: str) -> str | None:
    """Why there can be no cluster, as a sentence; None if each program of ``names`` is there."""
    absent = [name for name in names or (BINARY.name,) if not (FOLDER / "bin" / name).is_file()]
    if not absent:
        return None
    return f"{', '.join(absent)} not in {FOLDER / 'bin'}: run `make cluster` first (it needs Go)"


@dataclass(frozen=True, slots=True)
class Keys:
    """The key pairs of one cluster."""

    server: KeyPair
    admin: KeyPair
    accounts: KeyPair


class ControlPlane:
    """etcd and kube-apiserver; ``api`` speaks to it as an administrator."""

    def __init__(self, folder: Path) -> None:
        """Started at once, and ready when this returns; see `running`."""
        self.folder = folder
        self.authority = Authority(folder / "keys")
        self._keys = Keys(
            self.authority.server("kube-apiserver"),
            self.authority.client(ADMIN, MASTERS),
            self.authority.signing_key("service-accounts"),
        )
        self._etcd_url = f"http://{LOOPBACK}:{free_port()}"
        self._port = free_port()
        self.url = f"https://{LOOPBACK}:{self._port}"
        self._programs: list[Program] = []
        self._tls = ssl.create_default_context(cafile=str(self.authority.certificate))
        self._tls.load_cert_chain(self._keys.admin.certificate, self._keys.admin.key)
        self.api = KubeApi(self.client())
        try:
            self._start_etcd()
            self._start_api_server()
        except BaseException:
            self.stop()
            raise

    @property
    def account_key(self) -> Path:
        """The private key that service account tokens are signed with."""
        return self._keys.accounts.key

    def client(self) -> httpx.Client:
        """A client of its own that speaks as an administrator: each thread needs one."""
        return httpx.Client(base_url=self.url, verify=self._tls, timeout=30)

    def stop(self) -> None:
        """End all programs, the last started first."""
        self.api.close()
        while self._programs:
            self._programs.pop().stop()

    def run(self, command: list[str], log: str, environ: Mapping[str, str]) -> Program:
        """Start another program beside the API server; it is stopped with the cluster."""
        program = Program(command, self.folder / f"{log}.log", environ)
        self._programs.append(program)
        return program

    def forget(self) -> None:
        """Drop the history of changes, as a real one does within minutes to hours.

        etcd is compacted, and the API server, which keeps changes of its own, is started anew.
        """
        with httpx.Client(base_url=self._etcd_url, timeout=30) as etcd:
            now = etcd.post("/v3/kv/range", json={"key": "AA=="}).raise_for_status().json()
            revision = now["header"]["revision"]
            asked = {"revision": revision, "physical": True}
            etcd.post("/v3/kv/compaction", json=asked).raise_for_status()
        self.restart()

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the API server and start it again on the same port; etcd goes on."""
        with self.away(how):
            pass

    @contextmanager
    def away(self, how: signal.Signals = signal.SIGTERM) -> Generator[None]:
        """No API server while the context lasts; ``SIGKILL`` cuts what it was saying."""
        server = next(one for one in self._programs if one.name == "kube-apiserver")
        self._programs.remove(server)
        server.stop(how)
        try:
            yield
        finally:
            self._start_api_server()

    def kubeconfig(self, *, token: str | None = None) -> Path:
        """A kubeconfig of the administrator, or of who has that token."""
        user = {"token": token} if token else _user(self._keys.admin)
        cluster = {
            "server": self.url,
            "certificate-authority": str(self.authority.certificate),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me"}}],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "me", "user": user}],
        }
        path = self.folder / f"kubeconfig-{hash(token) & 0xFFFFFFFF:08x}.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def _start_etcd(self) -> None:
        peers = f"http://{LOOPBACK}:{free_port()}"
        command = [
            *(str(BINARY), "etcd", "--data-dir", str(self.folder / "etcd")),
            *("--listen-client-urls", self._etcd_url, "--advertise-client-urls", self._etcd_url),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"default={peers}"),
            # The data die with the test.
            "--unsafe-no-fsync",
        ]
        etcd = Program(command, self.folder / "etcd.log")
        self._programs.append(etcd)
        etcd.wait_until(lambda: answers(f"{self._etcd_url}/health"), START_SECONDS)

    def _start_api_server(self) -> None:
        keys = self._keys
        flags = {
            "etcd-servers": self._etcd_url,
            "bind-address": LOOPBACK,
            "advertise-address": LOOPBACK,
            "secure-port": str(self._port),
            "tls-cert-file": str(keys.server.certificate),
            "tls-private-key-file": str(keys.server.key),
            "client-ca-file": str(self.authority.certificate),
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(keys.accounts.certificate),
            "service-account-signing-key-file": str(keys.accounts.key),
            "service-cluster-ip-range": "10.0.0.0/24",
            "authorization-mode": "RBAC",
            # It would publish its own address, and loopback is refused there.
            "endpoint-reconciler-type": "none",
            "profiling": "false",
        }
        command = [str(BINARY), "kube-apiserver", *(f"--{k}={v}" for k, v in flags.items())]
        server = Program(command, self.folder / "kube-apiserver.log")
        self._programs.append(server)
        server.wait_until(self.api.is_ready, START_SECONDS)


@contextmanager
def running(folder: Path) -> Generator[ControlPlane]:
    """A control plane while the context lasts; ``folder`` must be empty."""
    plane = ControlPlane(folder)
    try:
        yield plane
    finally:
        plane.stop()


def answers(url: str) -> bool:
    """Whether something answers there, and well."""
    try:
        return httpx.get(url, trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


def _user(keys: KeyPair) -> dict[str, Any]:
    return {"client-certificate": str(keys.certificate), "client-key": str(keys.key)}
