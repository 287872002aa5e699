"""What is set up for AWS, judged by what lies open: variables and files, never the network."""

from collections.abc import Mapping
from pathlib import Path

INSTRUCTIONS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role (EKS pod "
    "identity, ECS task role, AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN); the role of an EC2 "
    "machine cannot be seen from here: to use one, name the feed and it is tried"
)

SUFFICIENT = (
    ("AWS_PROFILE",),
    ("AWS_DEFAULT_PROFILE",),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
"""Variables that botocore takes credentials from; those of one line only count together."""

FILES = (
    ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ("AWS_CONFIG_FILE", "config"),
)
"""The variable that moves a file, and the file's name in ``~/.aws`` without it."""


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must be set before the account's feeds can run, in words; empty if something is.

    Whether it is valid, and whether the machine has a role, only a call can tell.
    """
    is_set = any(all(environ.get(name, "").strip() for name in names) for names in SUFFICIENT)
    if is_set or any(path.is_file() for path in _files(environ)):
        return []
    return [INSTRUCTIONS]


def _files(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    paths = []
    for variable, name in FILES:
        if moved := environ.get(variable):
            paths.append(_without_tilde(moved, home))
        elif home:
            paths.append(Path(home, ".aws", name))
    return paths


def _without_tilde(path: str, home: str | None) -> Path:
    """``path`` with a leading ``~`` replaced, as botocore does, by the home that was given."""
    if home and path.startswith("~/"):
        return Path(home, path.removeprefix("~/"))
    return Path(path)
