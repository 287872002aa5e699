"""A file and the environment become settings, or sentences that say where and what."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.config.configuration import Configuration
from api.config.document import ConfigError, parsed, read_document
from api.config.expected import toml
from api.config.judging import Judge
from api.config.lines import key_lines
from api.config.places import value_at
from api.config.reading import configured
from api.config.sample import example
from api.config.table import Row, is_mapping, rows
from api.settings import Settings, SettingsError, settings_from

FILE = Path("/etc/spotcast/c.toml")
CLOSED = [row for row in rows() if row.is_closed]


def read(text: str, **environ: str) -> Settings:
    found = configured(parsed(FILE, text.encode()), environ)
    found.check_server()
    return settings_from(environ, found)


def refused(text: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(text, **environ)
    return str(caught.value).splitlines()


def test_a_file_goes_before_the_default_and_a_variable_before_the_file() -> None:
    text = "[market]\nusd_per_cny = 0.15\n[backup]\n"

    assert read("").usd_per_cny == 0.14
    assert read(text).usd_per_cny == 0.15
    assert read(text, SPOTCAST_USD_PER_CNY="0.16").usd_per_cny == 0.16
    assert read(text, SPOTCAST_USD_PER_CNY="").usd_per_cny == 0.15


def test_what_the_file_says_reaches_those_who_read_variables() -> None:
    settings = read('[collect]\nazure_managed_identity = true\ngcp_project = "p"\n')

    assert settings.environ["SPOTCAST_AZURE_MANAGED_IDENTITY"] == "true"
    assert settings.environ["SPOTCAST_GCP_PROJECT"] == "p"


def test_paths_are_from_the_files_folder_and_the_keys_are_beside_the_database() -> None:
    settings = read('[warehouse]\npath = "data/x.duckdb"\n')

    assert settings.warehouse == Path("/etc/spotcast/data/x.duckdb")
    assert settings.keys == Path("/etc/spotcast/data/keys.json")


def test_a_variable_of_a_section_is_read_as_the_file_would_be() -> None:
    found = configured(
        None,
        {
            "SPOTCAST_SERVE_PORT": "9000",
            "SPOTCAST_SERVE_COLLECT": "no",
            "SPOTCAST_GUARD_LEAD_TIME": "aws=12m, 9m",
            "SPOTCAST_GUARD_REPLACE_COST": "2.5",
        },
    ).configuration

    assert (found.serve.port, found.serve.collect) == (9000, False)
    assert (found.guard.lead_time, found.guard.replace_cost) == (("aws=12m", "9m"), 2.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nport = 70000", ":2: serve.port = 70000: give a whole number from 0 to 65535"),
        ('[serve]\nport = "80"', ':2: serve.port = "80": give a whole number'),
        ("[serve]\nport = true", ":2: serve.port = true: give a whole number"),
        ("[serve]\n\ncollect = 1", ":3: serve.collect = 1: give true or false"),
        ('[serve]\nguard = "on"', ':2: serve.guard = "on": give one of "off", "observe"'),
        ("[serve]\nprot = 1", ":2: serve.prot: there is no such setting; did you mean port?"),
        ("prot = 1", ":1: prot: there is no such section; there are alerts, backup"),
        ("[market]\nport = 1", ":2: market.port: there is no such setting here; it is serve.port"),
        ("[sreve]\nport = 1", ":1: sreve: there is no such setting; did you mean serve?"),
        ("serve = 3", ":1: serve = 3: give a table, under a heading such as [serve]"),
        ("[market]\nusd_per_cny = nan", ":2: market.usd_per_cny = nan: give a number above 0"),
        ('[guard]\ninterval = "soon"', ":2: guard.interval: 'soon' is no time above 0: write 90s"),
        ('[guard]\ninterval = "0s"', ":2: guard.interval: '0s' is no time above 0"),
        ('[guard]\nlead_time = [\n"9m",\n"mars=9m"]', ":2: guard.lead_time[2]: 'mars' is none of"),
        ('[guard]\nlead_time = "9m"', ':2: guard.lead_time = "9m": give a list in square brackets'),
        ('[security]\ncors_origins = ["*"]', ":2: security.cors_origins: '*' is no origin"),
        ('[security]\noidc_issuer = "x"', ":2: security.oidc_issuer is set without SPOTCAST_OIDC_"),
        ('[warehouse]\npath = ""', ":2: warehouse.path: give a path, or take the line out"),
        ('[warehouse]\npath = "a\\u0000"', ":2: warehouse.path: give a text without NUL"),
        ("[serve", ":1: this is no TOML"),
        ("[serve]\nport = 1\nport = 2", ":3: this is no TOML: Cannot overwrite a value"),
        ('[channels."A b"]', ':1: channels."A b": give a name of small letters'),
        ("x = " + "[" * 3000, ": too many lists"),
        ("[serve]\nport = " + "9" * 5000, "this is no TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_key_and_what_it_should_be(
    text: str, said: str
) -> None:
    (sentence,) = refused(text)

    assert sentence.startswith(str(FILE))
    assert said in sentence


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    said = refused("[serve]\nport = -1\n[market]\nusd_per_cny = 0\n[serve.x]\n")

    assert [one.split(": ")[0] for one in said] == [f"{FILE}:2", f"{FILE}:4", f"{FILE}:5"]


def test_a_wrong_variable_is_told_by_its_name() -> None:
    (said,) = refused("[serve]\nport = 1\n", SPOTCAST_SERVE_PORT="many")

    assert said.startswith('SPOTCAST_SERVE_PORT: serve.port = "many": give a whole number')


def test_a_variable_that_its_own_reader_refuses_is_no_fault_of_the_file() -> None:
    (said,) = refused("[market]\nusd_per_cny = 0.2\n", SPOTCAST_USD_PER_CNY="-1")

    assert said.startswith("SPOTCAST_USD_PER_CNY='-1'")
    assert str(FILE) not in said


@pytest.mark.parametrize(
    "text",
    [
        '[security]\ntoken = "hunter2"',
        '[reports]\nsmtp_password = "hunter2"',
        'api_key = "hunter2"',
        '[guard]\nwebhook = "https://me:hunter2@example.com/"',
        '[channels.ops]\nurl_env = "https://hunter2"',
        '[x]\nport = "many"\n[channels.ops.auth]\nprivate_key = "hunter2"',
    ],
)
def test_a_secret_in_the_file_is_an_error_that_does_not_show_it(text: str) -> None:
    said = "\n".join(refused(text))

    assert "hunter2" not in said
    assert "secret" in said


def test_a_channel_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def named(_: Configuration) -> list[tuple[tuple[str, ...], str]]:
        return [(("reports", "channels"), "ops")]

    monkeypatch.setattr("api.config.judging.channels_named", named)

    assert "there is no channel 'ops'; there is none: add [channels.ops]" in refused("")[0]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'[serve]\nhost = "\xe4"\n')
    (tmp_path / "large.toml").write_bytes(b"#" * 1_100_000)

    for name, said in (
        ("none.toml", "No such file"),
        (".", "Is a directory"),
        ("latin.toml", "latin.toml:2: write the file in UTF-8"),
        ("large.toml", "are no configuration"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_document(tmp_path / name)


def test_the_example_sets_nothing_and_its_defaults_are_the_defaults() -> None:
    text = example()
    told = "\n".join(_uncommented(text))

    assert read(text).configured == configured(parsed(FILE, text.encode()), {})
    assert configured(parsed(FILE, text.encode()), {}).configuration == Configuration()
    assert configured(parsed(FILE, told.encode()), {}).configuration == Configuration()
    assert all(f"#{row.path[-1]} =" in text for row in rows())


def _uncommented(text: str) -> list[str]:
    """The lines with the defaults of what is there without being named."""
    lines, is_open = [], False
    for line in text.splitlines():
        if line.startswith(("[", "#[")):
            is_open = line.startswith("#")
        begins = line[:1] == "#" and line[1:2] not in {" ", "[", ""} and not line.endswith("=")
        lines.append(line[1:] if begins and not is_open else line)
    return lines


def test_an_uncommented_example_speaks_of_every_setting_with_a_default() -> None:
    tree = tomllib.loads("\n".join(_uncommented(example())))
    told = [row for row in CLOSED if not row.is_required and row.default is not None]

    assert len(told) > 20
    for row in told:
        value = tree
        for step in row.path:
            value = value[step]


@pytest.mark.parametrize("wrong", ["{ a = 1 }", "[[1]]"])
def test_every_wrong_kind_of_value_is_told_with_its_line(wrong: str) -> None:
    for row in CLOSED:
        if is_mapping(row.field.annotation):
            continue
        (said,) = refused(f"# one\n[{'.'.join(row.path[:-1])}]\n{row.path[-1]} = {wrong}\n")
        assert said.startswith(f"{FILE}:3: {row.key}"), said
        assert "give " in said, said


def test_a_sentence_is_one_line_whatever_the_value_holds() -> None:
    (said,) = refused('[serve]\nport = "a\\u2028b\\u001bc\\n"')

    assert said.isprintable()


JUNK = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(CLOSED), JUNK)
def test_no_value_ends_in_a_traceback(row: Row, value: object) -> None:
    text = f"[{'.'.join(row.path[:-1])}]\n{row.path[-1]} = {toml(value)}\n"
    tomllib.loads(text)
    try:
        found = read(text)
    except SettingsError as error:
        assert str(FILE) in str(error)  # noqa: PT017 - most values are refused, some are taken
    else:
        assert found.configured is not None
        value_at(found.configured.configuration, row.path)


@given(st.text(max_size=60))
def test_no_text_ends_in_a_traceback(text: str) -> None:
    try:
        read(text)
    except SettingsError as error:
        assert str(error).startswith(str(FILE))  # noqa: PT017 - the same


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "# a\n", '"""\n[x]\nb = 1\n"""\n', "\n\n"]),
            st.sampled_from(["1", "[\n 1,\n 2]", "'''\n[a]\n'''", "{ x = 1 }", '"#"']),
        ),
        max_size=8,
    )
)
def test_every_key_is_found_on_its_line(parts: list[tuple[str, str]]) -> None:
    text, wanted = "", {}
    for number, (before, value) in enumerate(parts):
        quoted = before.startswith('"')
        text += f"q{number} = {before}" if quoted else before
        text += f"[[t]]\n[t.u{number}]\n"
        wanted["t", number, f"u{number}", "k"] = text.count("\n") + 1
        text += f"k = {value}\n"
    found = key_lines(text)

    assert {path: found[path] for path in wanted} == wanted


def test_what_only_variables_break_together_names_them() -> None:
    judge = Judge(None, {}, {("serve", "port"): "SPOTCAST_SERVE_PORT"})

    assert judge.place(("serve",)) == "SPOTCAST_SERVE_PORT"
    assert judge.place(("guard",)) == "the environment"
