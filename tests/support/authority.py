"""A certificate authority for one test cluster, and the keys of those who take part in it.

Elliptic keys: an RSA key takes a good part of a second to make, and a cluster needs several.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
"""The API server's names, as a pod in the cluster would use them."""

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a certificate and its private key, both PEM."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates that hold for a day; its own is the file ``certificate``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("spotcast-test-authority")
        signed = (
            _unsigned(self._name, self._key, issuer=self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(self._own_id(), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def bundle(self) -> str:
        """Its own certificate as a ``caBundle`` has it."""
        return b64encode(self.certificate.read_bytes()).decode()

    def server(self, name: str) -> KeyPair:
        """A key pair for a server on loopback: the API server, or one that it asks."""
        names: list[x509.GeneralName] = [x509.DNSName(one) for one in SERVER_NAMES]
        names.append(x509.IPAddress(IPv4Address(LOOPBACK)))
        return self._signed(name, _name(name), x509.SubjectAlternativeName(names))

    def client(self, user: str, *groups: str) -> KeyPair:
        """A key pair by which the API server knows ``user`` as a member of ``groups``."""
        return self._signed(user, _name(user, *groups), None)

    def signing_key(self, name: str) -> KeyPair:
        """A private key and its public half, to sign and check service account tokens."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = self._folder / f"{name}.pub"
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return KeyPair(public, self._written(f"{name}.key", key))

    def _signed(
        self, stem: str, subject: x509.Name, names: x509.SubjectAlternativeName | None
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _unsigned(subject, key, issuer=self._name)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._own_id()),
                critical=False,
            )
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        path = self._folder / f"{stem}.crt"
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return KeyPair(path, self._written(f"{stem}.key", key))

    def _own_id(self) -> x509.SubjectKeyIdentifier:
        return x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def _written(self, name: str, key: ec.EllipticCurvePrivateKey) -> Path:
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path


def _unsigned(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, issuer: x509.Name
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of other programs on this machine may round down.
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + A_DAY)
    )


def _name(user: str, *groups: str) -> x509.Name:
    """Kubernetes reads the user from CN and the groups from O."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
