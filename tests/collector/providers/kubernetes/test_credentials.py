"""The way to the cluster: kubeconfig, credential commands, TLS, tokens that expire."""

import base64
import ssl
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector.errors import SourceDeniedError
from collector.provider import Network
from collector.providers.kubernetes.client import KubernetesConnection, connect
from collector.providers.kubernetes.credentials import missing, read_credentials
from collector.providers.kubernetes.nodes import FEED
from tests.support.kubernetes import NODES, Clock, FakeCluster, a_node, api_server, cluster_at
from warehouse.records import Record

SECRET = "a-secret-that-is-in-no-message"  # noqa: S105 - invented


def kubeconfig(
    folder: Path, server: str, user: Mapping[str, Any], **cluster: Any
) -> dict[str, str]:
    """The environment of somebody whose kubeconfig has that user."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u"}},
            {"name": "there", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": server, **cluster}},
            {"name": "d", "cluster": {"server": "https://192.0.2.1"}},
        ],
        "users": [{"name": "u", "user": dict(user)}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return {"KUBECONFIG": str(path)}


def collected(environ: Mapping[str, str], url: str = "http://127.0.0.1:9") -> list[Record]:
    """What the nodes' feed gives to somebody with that environment."""
    connection = KubernetesConnection(environ, clock=Clock(), watch_seconds=0)
    with cluster_at(url, connections={"kubernetes": connection}) as source:
        return list(FEED.collect(source))


@pytest.fixture
def cluster() -> FakeCluster:
    """A cluster with one node, that wants a token."""
    made = FakeCluster(objects={NODES: {}}, token=SECRET)
    made.put(NODES, a_node())
    return made


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary files go, to see that none is left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_token_in_the_kubeconfig_opens_the_cluster(tmp_path: Path, cluster: FakeCluster) -> None:
    with api_server(cluster) as url:
        assert len(collected(kubeconfig(tmp_path, url, {"token": SECRET}))) == 1


def test_a_credential_command_is_run_once_and_again_when_its_token_expires(
    tmp_path: Path, cluster: FakeCluster
) -> None:
    count = tmp_path / "count"
    script = (
        "import json, pathlib, sys; p = pathlib.Path(sys.argv[1]);"
        "n = p.stat().st_size if p.exists() else 0; p.write_text('x' * (n + 1));"
        "print(json.dumps({'status': {'token': sys.argv[2] if n else 'stale'}}))"
    )
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", script, str(count), SECRET],
        }
    }

    with api_server(cluster) as url:
        environ = kubeconfig(tmp_path, url, user)
        connection = KubernetesConnection(environ, clock=Clock(), watch_seconds=0)
        with cluster_at(url, connections={"kubernetes": connection}) as source:
            first, second = list(FEED.collect(source)), list(FEED.collect(source))

    assert (len(first), second) == (1, [])
    assert count.read_text() == "xx"


def test_credentials_that_stay_wrong_are_told_without_them(
    tmp_path: Path, cluster: FakeCluster
) -> None:
    with api_server(cluster) as url:
        environ = kubeconfig(tmp_path, url, {"token": "another-secret"})
        with pytest.raises(SourceDeniedError, match="HTTP 401") as raised:
            collected(environ)

    assert "another-secret" not in str(raised.value)
    assert len(cluster.asked) == 2


def test_tls_is_checked_by_the_kubeconfigs_own_authority(
    tmp_path: Path, scratch: Path, cluster: FakeCluster
) -> None:
    certificate, key = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    data = base64.b64encode(certificate.read_bytes()).decode()
    mine = {
        "client-certificate-data": data,
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
        "token": SECRET,
    }

    with api_server(cluster, tls=context) as url:
        environ = kubeconfig(tmp_path, url, mine, **{"certificate-authority-data": data})
        assert len(collected(environ)) == 1

    assert list(scratch.iterdir()) == []


def test_the_context_that_is_named_is_used(tmp_path: Path) -> None:
    environ = kubeconfig(tmp_path, "https://192.0.2.9", {"token": SECRET})

    here = read_credentials(environ, source="feed")
    there = read_credentials({**environ, "SPOTCAST_KUBE_CONTEXT": "there"}, source="feed")

    assert (here.server, there.server) == ("https://192.0.2.9", "https://192.0.2.1")
    assert SECRET not in repr(here)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such"}},
            "cannot be used",
        ),
        (
            {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": sys.executable,
                    "args": ["-c", f"import sys; sys.exit('{SECRET}')"],
                }
            },
            "credential command failed",
        ),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1"}}, "cannot be used"),
        ({"username": "me", "password": SECRET}, "username/password"),
        ({"client-key-data": "abcde"}, "no credentials"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_told_without_its_secrets(
    tmp_path: Path, scratch: Path, user: Mapping[str, Any], words: str
) -> None:
    environ = kubeconfig(tmp_path, "https://192.0.2.9", user)

    with pytest.raises(SourceDeniedError, match=words) as raised:
        read_credentials(environ, source="feed")

    assert SECRET not in str(raised.value)
    assert [one for one in scratch.iterdir() if one.stat().st_size] == []


@pytest.mark.parametrize("text", ["", "[]", "7", "{a: [", "clusters: []\ncontexts: []\nusers: []"])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(SourceDeniedError):
        read_credentials({"KUBECONFIG": str(path)}, source="feed")


def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    environ = kubeconfig(tmp_path, "https://192.0.2.9", {"token": SECRET})

    with pytest.raises(SourceDeniedError, match="No such context nowhere"):
        read_credentials({**environ, "SPOTCAST_KUBE_CONTEXT": "nowhere"}, source="feed")


def test_without_anything_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SourceDeniedError, match="set KUBECONFIG"):
        read_credentials({"HOME": str(tmp_path)}, source="feed")


def test_without_kr8s_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kr8s", None)

    with pytest.raises(SourceDeniedError, match=r"spotcast\[kubernetes\]"):
        read_credentials({}, source="feed")


def test_what_is_set_up_is_seen_without_the_network(tmp_path: Path) -> None:
    environ = kubeconfig(tmp_path, "https://192.0.2.9", {})
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").touch()

    assert missing(environ) == []
    assert missing({"HOME": str(home)}) == []
    assert missing({"HOME": str(home), "KUBECONFIG": "~/.kube/config:/none"}) == []
    assert missing({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == []
    assert len(missing({"HOME": str(tmp_path)})) == 1
    assert len(missing({"HOME": str(home), "KUBECONFIG": "/none"})) == 1
    assert len(missing({})) == 1


def test_connecting_touches_neither_files_nor_network() -> None:
    environ = {"KUBECONFIG": "/nowhere"}

    assert connect(Network(environ, Clock())).watch_seconds == 50
    assert connect(Network(environ, Clock(), "http://127.0.0.1:9/{}".format)).watch_seconds == 1


def test_a_source_without_a_connection_says_so() -> None:
    with (
        cluster_at("http://127.0.0.1:9", connections={}) as source,
        pytest.raises(SourceDeniedError, match="no connection to a cluster"),
    ):
        list(FEED.collect(source))


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    import ipaddress  # noqa: PLC0415 - only here

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths
