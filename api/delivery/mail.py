"""The channel ``smtp``: smtplib, hidden here."""

import smtplib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from api.config.channels import Security, SmtpChannel
from api.delivery.errors import DeliveryError
from api.delivery.parcel import Parcel
from api.delivery.secrets import secret_of
from api.delivery.templates import filled, page
from api.delivery.trust import trusted

PERMANENT = 500
"""From this reply on the server asks not to try the same again (RFC 5321, 4.2.1)."""


def put(channel: SmtpChannel, parcel: Parcel) -> None:
    """Hand the mail to the server; it is accepted when the server has answered its last line.

    Raises:
        DeliveryError: the server is away, or refuses the mail.
    """
    mail = mail_of(channel, parcel)
    password = secret_of(channel, "password", parcel.environ)
    place = f"{channel.host}:{channel.port}"
    try:
        with _server(channel) as server:
            if channel.username:
                server.login(channel.username, password or "")
            server.send_message(mail, parseaddr(channel.sender)[1], [parseaddr(parcel.receiver)[1]])
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(f"{place}: user name or password refused ({error.smtp_code})") from None
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refused(f"{place} refuses {parcel.receiver}", code, said) from error
    except smtplib.SMTPResponseException as error:
        raise _refused(place, error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError(f"{place}: {error}") from error
    except (smtplib.SMTPException, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DeliveryError(f"{place}: {reason}") from error


@contextmanager
def _server(channel: SmtpChannel) -> Generator[smtplib.SMTP]:
    """A conversation. How it ends is no matter: what was accepted before stays accepted."""
    if channel.security is Security.TLS:
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            channel.host, channel.port, timeout=channel.timeout_seconds, context=trusted()
        )
    else:
        server = smtplib.SMTP(channel.host, channel.port, timeout=channel.timeout_seconds)
    try:
        if channel.security is Security.STARTTLS:
            server.starttls(context=trusted())
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _refused(place: str, code: int, said: bytes | str) -> DeliveryError:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    reason = f"{place}: {code} {' '.join(text.split())[:200]}"
    return DeliveryError(reason, is_final=code >= PERMANENT)


def mail_of(channel: SmtpChannel, parcel: Parcel) -> EmailMessage:
    """The mail: plain text, the same as HTML, and the attachments."""
    notice = parcel.notice
    mail = EmailMessage()
    mail["From"] = channel.sender
    mail["To"] = parcel.receiver
    mail["Subject"] = " ".join(notice.subject.split())
    mail["Date"] = format_datetime(notice.at)
    domain = parseaddr(channel.sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{parcel.message_id}@{domain}>"
    # So that no absence notice comes back (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if channel.template:
        mail.set_content(filled(channel.template, parcel))
    else:
        mail.set_content(page("mail.txt", parcel))
        mail.add_alternative(page("mail.html", parcel), subtype="html")
    for one in notice.attachments:
        kind, _, subtype = one.media_type.partition("/")
        if kind == "text":
            mail.add_attachment(one.text, subtype=subtype, filename=one.name)
        else:
            mail.add_attachment(
                one.text.encode(), maintype=kind, subtype=subtype, filename=one.name
            )
    return mail
