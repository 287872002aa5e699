"""What is set up for Google Cloud, judged by variables and files, never by the network."""

from collections.abc import Mapping
from pathlib import Path

PROJECT = "SPOTCAST_GCP_PROJECT"
PROJECT_OF_GOOGLE = "GOOGLE_CLOUD_PROJECT"
API_KEY = "SPOTCAST_GCP_API_KEY"
ACCESS_TOKEN = "SPOTCAST_GCP_ACCESS_TOKEN"  # noqa: S105 - the variable's name, no secret
CREDENTIALS_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
GCLOUD_FOLDER = "CLOUDSDK_CONFIG"
LOGIN = "application_default_credentials.json"
"""What ``gcloud auth application-default login`` writes."""

INSTRUCTIONS = (
    f"set {CREDENTIALS_FILE} to a credentials file, or run `gcloud auth application-default "
    f"login`, or set {ACCESS_TOKEN} to a token; the service account of a machine in Google Cloud "
    "cannot be seen from here: to use one, name the feed and it is tried"
)


def missing(environ: Mapping[str, str]) -> list[str]:
    """What must still be set before the account's feeds can run, in words.

    Whether the credentials are valid, and whether the machine has its own, only a call can tell.
    """
    wanted = []
    if not project_in(environ):
        wanted.append(
            f"set {PROJECT} (or {PROJECT_OF_GOOGLE}): the id of a project, not its number"
        )
    if not setting(environ, ACCESS_TOKEN) and file_in(environ) is None:
        wanted.append(INSTRUCTIONS)
    return wanted


def project_in(environ: Mapping[str, str]) -> str:
    """The project whose quota is used and whose machines are watched; empty if none is set.

    Its number would do for the API, but machines are known by the id, see `names.instance_at`.
    """
    named = setting(environ, PROJECT) or setting(environ, PROJECT_OF_GOOGLE)
    return "" if named.isdigit() else named


def file_in(environ: Mapping[str, str]) -> Path | None:
    """The credentials file: the one named, else that of gcloud's login; None without both."""
    if named := setting(environ, CREDENTIALS_FILE):
        return Path(named)
    folder, home = setting(environ, GCLOUD_FOLDER), setting(environ, "HOME")
    if not folder and not home:
        return None
    login = (Path(folder) if folder else Path(home, ".config", "gcloud")) / LOGIN
    return login if login.is_file() else None


def setting(environ: Mapping[str, str], name: str) -> str:
    """The variable without blanks around it; empty if it is not set."""
    return environ.get(name, "").strip()
