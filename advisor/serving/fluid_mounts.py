"""Where a model's files are, as each of Fluid's runtimes is told of it.

The options are those of Fluid v1.0.8: `docs/en/samples/{s3_configuration,gcs_configuration,
juicefs_runtime}.md` and `pkg/ddc/jindocache/transform.go`. Keys come from a Secret; without one the
runtime uses what the machine has (on clouds, the node's own role), where it can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from advisor.errors import ManifestError


class Runtime(StrEnum):
    """What keeps the cache."""

    JINDO = "jindo"
    ALLUXIO = "alluxio"
    JUICEFS = "juicefs"


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of address: the options that must be given, and those that a Secret holds."""

    needs: Sequence[str] = ()
    secrets: Sequence[str] = ()


_S3_OF_ALLUXIO = Scheme(
    needs=("alluxio.underfs.s3.region",), secrets=("aws.accessKeyId", "aws.secretKey")
)
_OSS = Scheme(needs=("fs.oss.endpoint",), secrets=("fs.oss.accessKeyId", "fs.oss.accessKeySecret"))
SCHEMES: Mapping[Runtime, Mapping[str, Scheme]] = {
    Runtime.JINDO: {
        "s3": Scheme(("fs.s3.region",), ("fs.s3.accessKeyId", "fs.s3.accessKeySecret")),
        "oss": _OSS,
        "pvc": Scheme(),
    },
    Runtime.ALLUXIO: {
        "s3": _S3_OF_ALLUXIO,
        "oss": _OSS,
        "gs": Scheme(needs=("fs.gcs.credential.path",)),
        "https": Scheme(),
        "pvc": Scheme(),
    },
    Runtime.JUICEFS: {"juicefs": Scheme(secrets=("metaurl", "access-key", "secret-key"))},
}

SERVER_DOWNLOADS = frozenset({"hf", "modelscope", "ms", "oci"})
"""Addresses that KServe knows and that no runtime of Fluid can mount."""


def mount(
    name: str,
    uri: str,
    runtime: Runtime,
    *,
    options: Mapping[str, str],
    secret: str | None,
    secret_keys: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The one mount of a model's Dataset, at its root.

    ``secret_keys`` are the keys that the Secret has, by default all that the runtime knows for
    this kind of address.

    Raises:
        ManifestError: the runtime cannot mount this, or lacks an option for it.
    """
    scheme = _scheme(uri, runtime)
    missing = [key for key in scheme.needs if not options.get(key)]
    if missing:
        raise ManifestError(
            uri, f"{runtime.value} needs the option {missing[0]}: give --option {missing[0]}=VALUE"
        )
    keys = tuple(secret_keys) if secret_keys else scheme.secrets
    if secret and not keys:
        raise ManifestError(
            f"secret {secret}", f"{runtime.value} takes no keys for {_kind(uri)}://; leave it out"
        )
    if runtime is Runtime.JUICEFS and not secret:
        raise ManifestError(
            uri,
            "JuiceFS needs a Secret with its metaurl (or, of the enterprise edition, its token)",
        )
    made: dict[str, Any] = {
        "mountPoint": uri,
        "name": name,
        # At the root, so that `pvc://NAME/` is the model's folder.
        "path": "/",
        "readOnly": True,
    }
    if options:
        made["options"] = dict(sorted(options.items()))
    if secret:
        made["encryptOptions"] = [
            {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
            for key in keys
        ]
    return made


def _kind(uri: str) -> str:
    return uri.partition("://")[0]


def _scheme(uri: str, runtime: Runtime) -> Scheme:
    kind, is_address, rest = uri.partition("://")
    known = SCHEMES[runtime]
    if not is_address or (not rest.strip("/") and runtime is not Runtime.JUICEFS):
        raise ManifestError(f"model {uri!r}", f"is no address such as {next(iter(known))}://...")
    if kind in known:
        return known[kind]
    written = ", ".join(f"{one}://" for one in known)
    if kind in SERVER_DOWNLOADS:
        raise ManifestError(
            uri,
            f"Fluid mounts no {kind}://; copy the model to a bucket or a volume first ("
            f"{runtime.value}: {written}), or use a LocalModelCache",
        )
    raise ManifestError(uri, f"{runtime.value} mounts {written} only")
