"""Section ``[channels.<name>]``: where messages are delivered to.

A secret never stands in the file: a setting that ends with ``_env`` names the environment variable
that holds it, one that ends with ``_file`` a file with nothing else in it.
"""

from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from api.config.section import Section, setting

NO_DEFAULT = "only you know it"
KEY = "none: as boto3 finds it: environment, profile, role of the machine"
EITHER = "name one of the two; which one depends on how your platform hands out secrets"


def kind() -> Any:
    """The setting that says which kind of channel a table is."""
    return setting(
        about="Which kind of channel it is.", unit="", why="each kind has settings of its own"
    )


class Security(StrEnum):
    """How a connection to a mail server is kept from others."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


def _address(text: str) -> str:
    if "@" not in parseaddr(text)[1] or "\n" in text or "\r" in text:
        raise ValueError("give a mail address, such as ops@example.com")
    return text


def _url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme not in {"http", "https"} or not rest.strip("/"):
        raise ValueError("give an address such as https://example.com/hook")
    if "@" in rest.partition("/")[0]:
        raise ValueError("a user and password do not belong here: name them with url_env")
    return text


Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]


class ChannelSection(Section):
    """``[channels.<name>]``: one place that takes messages."""

    timeout_seconds: float = setting(
        30.0,
        about="How long a receiver may take to answer.",
        unit="seconds",
        why="a mail server that checks a message may take that long; others wait meanwhile",
        gt=0,
        le=600,
    )
    give_up_after_hours: float = setting(
        72.0,
        about="From when on a message that nobody takes is no longer tried.",
        unit="hours",
        why="a receiver that failed on Friday evening is mended on Monday",
        gt=0,
        le=24 * 30,
    )

    @property
    def receivers(self) -> tuple[str, ...]:
        """Each gets a message of its own; one without a name where there is but one."""
        return ("",)


class FolderChannel(ChannelSection):
    """A folder: each message becomes a folder in it, with its attachments."""

    kind: Literal["folder"] = kind()
    path: Path = setting(about="Where the folders go; it is made.", unit="path", why=NO_DEFAULT)


class SmtpChannel(ChannelSection):
    """Mail, by a server that speaks SMTP."""

    kind: Literal["smtp"] = kind()
    host: str = setting(about="The mail server.", unit="", why=NO_DEFAULT, min_length=1)
    port: int = setting(
        587, about="Its port.", unit="", why="submission (RFC 6409)", ge=1, le=65_535
    )
    security: Security = setting(
        Security.STARTTLS,
        about="starttls, tls (from the first byte, port 465) or none.",
        unit="",
        why="what port 587 speaks; with none a password would be sent for all to read, so a user "
        "name is refused with it",
    )
    username: str | None = setting(
        None, about="Who signs in.", unit="", why="none: the server takes mail from this address"
    )
    password_env: str | None = setting(
        None, about="Environment variable with the password.", unit="variable", why=EITHER
    )
    password_file: Path | None = setting(
        None, about="File with the password.", unit="path", why=EITHER
    )
    sender: Address = setting(about="From whom the mail is.", unit="address", why=NO_DEFAULT)
    to: tuple[Address, ...] = setting(
        about="To whom it goes: each gets a mail of his own.",
        unit="addresses",
        why=NO_DEFAULT,
        min_length=1,
    )
    template: Path | None = setting(
        None,
        about="Jinja template of the plain text.",
        unit="path",
        why="none: the sentences of the notice, and its facts below",
    )

    @property
    def receivers(self) -> tuple[str, ...]:
        """The addresses."""
        return self.to

    @model_validator(mode="after")
    def _signs_in_safely(self) -> Self:
        if self.username and not (self.password_env or self.password_file):
            raise ValueError("username is set without password_env or password_file")
        if self.username and self.security is Security.NONE:
            raise ValueError("username is set with security none, which would show the password")
        _only_one(self.password_env, self.password_file, "password")
        return self


class SlackChannel(ChannelSection):
    """A Slack channel, by the address of an incoming webhook. The address is the secret."""

    kind: Literal["slack"] = kind()
    url_env: str | None = setting(
        None, about="Environment variable with the webhook's address.", unit="variable", why=EITHER
    )
    url_file: Path | None = setting(
        None, about="File with the webhook's address.", unit="path", why=EITHER
    )
    template: Path | None = setting(
        None,
        about="Jinja template of the JSON that is posted.",
        unit="path",
        why="none: a heading, the sentences, the facts and the message's id as blocks",
    )

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        _only_one(self.url_env, self.url_file, "url", is_needed=True)
        return self


class WebhookChannel(ChannelSection):
    """Any program that takes a POST over HTTP."""

    kind: Literal["webhook"] = kind()
    url: Url | None = setting(
        None,
        about="Where to post to, if the address is no secret.",
        unit="address",
        why="else name it by url_env or url_file",
    )
    url_env: str | None = setting(
        None, about="Environment variable with the address.", unit="variable", why=EITHER
    )
    url_file: Path | None = setting(None, about="File with the address.", unit="path", why=EITHER)
    secret_env: str | None = setting(
        None,
        about="Environment variable with the key that signs what is posted.",
        unit="variable",
        why="none: not signed",
    )
    secret_file: Path | None = setting(
        None, about="File with the signing key.", unit="path", why="none: not signed"
    )
    token_env: str | None = setting(
        None,
        about="Environment variable with a bearer token.",
        unit="variable",
        why="none: no Authorization header",
    )
    token_file: Path | None = setting(
        None, about="File with a bearer token.", unit="path", why="none: no Authorization header"
    )
    attach: bool = setting(
        False,
        about="Whether the attachments' text is in the default body.",
        unit="",
        why="a report's page is 0.4 MB; most receivers take less, and want the sentences",
    )
    content_type: str = setting(
        "application/json",
        about="Media type of what the template makes.",
        unit="",
        why="what most receivers take",
        pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w=-]+)?$",
    )
    template: Path | None = setting(
        None,
        about="Jinja template of what is posted.",
        unit="path",
        why="none: the notice as JSON",
    )

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if sum(bool(one) for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("give one of url, url_env and url_file")
        _only_one(self.secret_env, self.secret_file, "secret")
        _only_one(self.token_env, self.token_file, "token")
        return self


class ObjectStorageChannel(ChannelSection):
    """A bucket that speaks S3: of AWS, or of another cloud by its endpoint."""

    kind: Literal["object_storage"] = kind()
    bucket: str = setting(about="The bucket.", unit="", why=NO_DEFAULT, min_length=3)
    prefix: str = setting(
        "spotcast/",
        about="What the names of the objects begin with.",
        unit="",
        why="a bucket is often shared",
        pattern=r"^[^/].*/$|^$",
    )
    region: str | None = setting(
        None, about="The bucket's region.", unit="region", why="none: as boto3 finds it"
    )
    endpoint: Url | None = setting(
        None,
        about="Address of another S3: https://storage.googleapis.com, "
        "https://oss-cn-beijing.aliyuncs.com, a MinIO.",
        unit="address",
        why="none: AWS",
    )
    addressing: Literal["auto", "path", "virtual"] = setting(
        "auto",
        about="Whether the bucket stands in the path of an address or in the name of the host.",
        unit="",
        why="as boto3 decides; Alibaba Cloud's OSS takes virtual only",
    )
    access_key_id_env: str | None = setting(
        None, about="Environment variable with the id of an access key.", unit="variable", why=KEY
    )
    access_key_id_file: Path | None = setting(
        None, about="File with the id of an access key.", unit="path", why=KEY
    )
    secret_access_key_env: str | None = setting(
        None, about="Environment variable with the access key.", unit="variable", why=KEY
    )
    secret_access_key_file: Path | None = setting(
        None, about="File with the access key.", unit="path", why=KEY
    )

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        _only_one(self.access_key_id_env, self.access_key_id_file, "access_key_id")
        _only_one(self.secret_access_key_env, self.secret_access_key_file, "secret_access_key")
        has_id = self.access_key_id_env or self.access_key_id_file
        if bool(has_id) != bool(self.secret_access_key_env or self.secret_access_key_file):
            raise ValueError("give both parts of the key, access_key_id and secret_access_key")
        return self


Channel = Annotated[
    FolderChannel | SmtpChannel | SlackChannel | WebhookChannel | ObjectStorageChannel,
    Field(discriminator="kind"),
]
"""What a table of ``[channels]`` is, by its ``kind``."""


def _only_one(env: str | None, file: Path | None, name: str, *, is_needed: bool = False) -> None:
    if env and file:
        raise ValueError(f"give {name}_env or {name}_file, not both")
    if is_needed and not (env or file):
        raise ValueError(f"give {name}_env or {name}_file")
