"""What can be set of the server's guarding, and what is refused."""

import pytest

from api.security.settings import GateSettings, gate_settings, is_https, oidc_settings
from api.settings import SettingsError, settings_from
from tests.support.secured import Secured


def test_nothing_is_open_by_default() -> None:
    assert gate_settings({}) == GateSettings()
    assert GateSettings().cors_origins == GateSettings().trusted_proxies == ()
    assert oidc_settings({}) is None


def test_lists_are_told_with_commas() -> None:
    found = gate_settings(
        {
            "SPOTCAST_CORS_ORIGINS": "https://a.example, http://localhost:3000",
            "SPOTCAST_TRUSTED_PROXIES": "10.0.0.0/8,2001:db8::1",
        }
    )

    assert found.cors_origins == ("https://a.example", "http://localhost:3000")
    assert found.trusted_proxies == ("10.0.0.0/8", "2001:db8::1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPOTCAST_CORS_ORIGINS", "*"),
        ("SPOTCAST_CORS_ORIGINS", "null"),
        ("SPOTCAST_CORS_ORIGINS", "a.example"),
        ("SPOTCAST_CORS_ORIGINS", "https://a.example/"),
        ("SPOTCAST_CORS_ORIGINS", "https://a.example:x"),
        ("SPOTCAST_CORS_ORIGINS", "https://[bad"),
        ("SPOTCAST_TRUSTED_PROXIES", "*"),
        ("SPOTCAST_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("SPOTCAST_TRUSTED_PROXIES", "proxy"),
        ("SPOTCAST_REQUESTS_PER_MINUTE", "0"),
        ("SPOTCAST_REQUESTS_PER_MINUTE", "many"),
        ("SPOTCAST_FAILURES_PER_MINUTE", "-1"),
        ("SPOTCAST_MAX_BODY_BYTES", "1e6"),
        ("SPOTCAST_BODY_TIMEOUT_SECONDS", "9" * 30),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        gate_settings({name: value})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ISSUER": "https://a.example"}, "without SPOTCAST_OIDC_AUDIENCE"),
        ({"AUDIENCE": "a"}, "without SPOTCAST_OIDC_ISSUER"),
        ({"ISSUER": "http://a.example", "AUDIENCE": "a"}, "https"),
        ({"ISSUER": "a.example", "AUDIENCE": "a"}, "https"),
        ({"ISSUER": "https://[bad", "AUDIENCE": "a"}, "https"),
        ({"ISSUER": "https://a.example?x=1", "AUDIENCE": "a"}, "https"),
        ({"ISSUER": "https://a.example", "AUDIENCE": "a", "SCOPES": "x=all"}, "value=scope"),
        ({"ISSUER": "https://a.example", "AUDIENCE": "a", "SCOPES": "read"}, "value=scope"),
    ],
)
def test_an_issuer_is_set_whole_or_not_at_all(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        oidc_settings({f"SPOTCAST_OIDC_{name}": value for name, value in environ.items()})


def test_only_on_this_machine_an_issuer_may_do_without_tls() -> None:
    assert is_https("http://127.0.0.1:8000/x")
    assert is_https("https://a.example")
    assert not is_https("http://127.0.0.1.a.example")
    assert not is_https("https://")


def test_keys_are_beside_the_database_wherever_that_is(secured: Secured) -> None:
    settings = settings_from({"SPOTCAST_WAREHOUSE": "/data/a.duckdb"})
    named = settings_from({"SPOTCAST_KEYS": "/secrets/keys.json"})

    assert settings.keys.as_posix() == "/data/keys.json"
    assert settings.at(secured.folder / "b.duckdb").keys == secured.folder / "keys.json"
    assert named.at(secured.folder / "b.duckdb").keys.as_posix() == "/secrets/keys.json"
    assert settings.at(None) is settings
