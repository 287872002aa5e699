"""Signing in with a browser: a page without script that asks for a key, and its answer."""

import tomllib
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.security.credentials import LOCAL_COOKIE, SECURE_COOKIE
from api.security.origins import host_of, is_loopback
from api.security.sessions import LASTS

PATH, END_PATH = "/session", "/session/end"
NOT_KEPT = {"cache-control": "no-store"}
MOST_FIELDS, MOST_FORM_BYTES = 10, 8_192

TEXTS = tomllib.loads(files("api.security").joinpath("sign_in.toml").read_text(encoding="utf-8"))
"""The page's words, by language."""

STYLE = files("api.security").joinpath("sign_in.css").read_text(encoding="utf-8")
"""It stands in the page: whoever is not known gets no file of ours."""

STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""That style and no other, a form to us, and nothing else."""

PAGE = """<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">{again}<title>{title}</title>
<style>{style}</style></head>
<body><main><h1>{title}</h1>{told}{form}<p>{how}</p></main></body>
</html>
"""
AGAIN = '<meta http-equiv="refresh" content="0">'
"""Ask once more, this time as our own page: a browser keeps a cookie with `SameSite=Strict` back
from who follows a link of another site, though he may be signed in."""

FORM = """<p id="why">{why}</p>
<form method="post" action="/session"><input type="hidden" name="next" value="{next}">
<p><label for="key">{key}</label><input id="key" name="key" type="password" required
 autocomplete="current-password" spellcheck="false" size="50" aria-describedby="why"></p>
<p><button type="submit">{submit}</button></p></form>"""


def is_sign_in(asking: HTTPConnection) -> bool:
    """Whether the page's form was sent, or a session is to end."""
    return asking.scope["method"] == "POST" and asking.scope["path"] in {PATH, END_PATH}


def wants_page(asking: HTTPConnection) -> bool:
    """Whether a browser asks for a page to show."""
    is_reading = asking.scope["method"] in {"GET", "HEAD"}
    return is_reading and "text/html" in asking.headers.get("accept", "")


def sign_in_page(
    asking: HTTPConnection, *, wrong: bool = False, after: str | None = None
) -> Response:
    """The page that asks for a key: 401."""
    lang = "zh" if asking.headers.get("accept-language", "").strip().startswith("zh") else "en"
    texts = {name: _marked(text) for name, text in TEXTS[lang].items()}
    told = f'<p role="alert"><strong>{texts["wrong"]}</strong></p>' if wrong else ""
    target = escape(_asked(asking) if after is None else after, quote=True)
    if is_safe(asking):
        form = FORM.format(next=target, **texts)
    else:
        form = f'<p role="alert"><strong>{texts["plain"]}</strong></p>'
    page = PAGE.format(
        lang=lang,
        style=STYLE,
        again=AGAIN if came_by_link(asking) else "",
        told=told,
        form=form,
        title=texts["title"],
        how=texts["how"],
    )
    headers = {"www-authenticate": "Bearer", "content-security-policy": CSP}
    return HTMLResponse(page, HTTPStatus.UNAUTHORIZED, headers)


def came_by_link(asking: HTTPConnection) -> bool:
    """Whether a browser follows a link of another site."""
    site = asking.headers.get("sec-fetch-site")
    return asking.scope["method"] == "GET" and site in {"cross-site", "same-site"}


def is_safe(asking: HTTPConnection) -> bool:
    """Whether nobody between can read along: https, or this machine."""
    return asking.scope["scheme"] == "https" or is_loopback(host_of(asking))


@dataclass(frozen=True, slots=True)
class Form:
    """What the page sends."""

    key: str = field(repr=False)
    after: str
    """Where to go then."""


def form_of(body: bytes) -> Form:
    """The form in a body; an empty one of what is none."""
    try:
        fields = parse_qs(body.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError:
        fields = {}
    return Form(fields.get("key", [""])[0].strip(), own_path(fields.get("next", ["/"])[0]))


def signed_in(asking: HTTPConnection, session: str, after: str) -> Response:
    """To the page that was asked for, with the session's cookie."""
    answer = RedirectResponse(after, HTTPStatus.SEE_OTHER, NOT_KEPT)
    secure = asking.scope["scheme"] == "https"
    answer.set_cookie(
        SECURE_COOKIE if secure else LOCAL_COOKIE,
        session,
        max_age=int(LASTS.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return answer


def signed_out() -> Response:
    """To the first page, without the cookie."""
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER, NOT_KEPT)
    answer.delete_cookie(SECURE_COOKIE, secure=True, httponly=True, samesite="strict")
    answer.delete_cookie(LOCAL_COOKIE, httponly=True, samesite="strict")
    return answer


def own_path(text: str) -> str:
    """A path of this server; the first page for what would lead elsewhere."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_own = not parts.scheme and not parts.netloc and text.startswith("/")
    is_plain = text.isascii() and text.isprintable() and "\\" not in text
    return text if is_own and is_plain and not text.startswith("//") else "/"


def _asked(asking: HTTPConnection) -> str:
    """What the browser asked for, to go on there."""
    query = asking.scope["query_string"].decode("latin-1")
    path = quote(asking.scope["path"])
    if path.startswith(PATH):
        return "/"
    return own_path(f"{path}?{query}" if query else path)


def _marked(text: str) -> str:
    """A text as HTML; what stands between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{one}</code>" if at % 2 else one for at, one in enumerate(parts))
