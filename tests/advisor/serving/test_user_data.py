"""Settings added to userData: all that stood there still does, to the readers of its format."""

import email
import tomllib
from email.message import Message
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import ManifestError
from advisor.serving.images_aws import NODE_CONFIG, TOML
from advisor.serving.user_data import (
    UserData,
    kind_of,
    toml_value,
    with_node_config,
    with_toml,
)

SCRIPT = "#!/bin/bash\nset -eu\necho ready >/tmp/x\n"
OTHER = {
    "apiVersion": "node.eks.aws/v1alpha1",
    "kind": "NodeConfig",
    "spec": {"kubelet": {"config": {"maxPods": 42}}},
}
ARCHIVE = f"""MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="BOUNDARY"

--BOUNDARY
Content-Type: text/x-shellscript; charset="us-ascii"

{SCRIPT}
--BOUNDARY
Content-Type: application/node.eks.aws

{yaml.safe_dump(OTHER)}
--BOUNDARY--
"""
SOCI = "settings.container-runtime-plugins.soci-snapshotter"


def parts_of(text: str) -> list[tuple[str, str]]:
    """Type and content of each part, as Python's own mail reader has them."""
    archive = email.message_from_string(text)
    assert archive.is_multipart()
    parts = [part for part in archive.walk() if not part.is_multipart()]
    return [(part.get_content_type(), content(part)) for part in parts]


def content(part: Message) -> str:
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", UserData.NOTHING),
        (" \n", UserData.NOTHING),
        (ARCHIVE, UserData.ARCHIVE),
        ("\nContent-Type: multipart/mixed", UserData.ARCHIVE),
        (yaml.safe_dump(OTHER), UserData.NODE_CONFIG),
        (SCRIPT, UserData.SCRIPT),
        ("a: b: c\n", UserData.SCRIPT),
    ],
)
def test_a_text_is_told_apart_as_karpenter_does(text: str, kind: UserData) -> None:
    assert kind_of(text) is kind


def test_nothing_becomes_a_node_config_alone() -> None:
    assert yaml.safe_load(with_node_config("", NODE_CONFIG)) == NODE_CONFIG


def test_a_script_stays_and_runs_beside_it() -> None:
    made = parts_of(with_node_config(SCRIPT, NODE_CONFIG))

    assert [kind for kind, _ in made] == ["text/x-shellscript", "application/node.eks.aws"]
    assert made[0][1] == SCRIPT
    assert yaml.safe_load(made[1][1]) == NODE_CONFIG


def test_a_node_config_stays_beside_it() -> None:
    made = parts_of(with_node_config(yaml.safe_dump(OTHER), NODE_CONFIG))

    assert [kind for kind, _ in made] == ["application/node.eks.aws"] * 2
    assert [yaml.safe_load(text) for _, text in made] == [OTHER, NODE_CONFIG]


def test_an_archive_keeps_its_parts_and_its_boundary() -> None:
    made = with_node_config(ARCHIVE, NODE_CONFIG)

    before, after = parts_of(ARCHIVE), parts_of(made)
    assert after[:2] == before
    assert yaml.safe_load(after[2][1]) == NODE_CONFIG
    assert made.startswith(ARCHIVE[: ARCHIVE.index("--BOUNDARY--")])


def test_an_archive_keeps_its_kind_of_line_breaks() -> None:
    made = with_node_config("\n" + ARCHIVE.replace("\n", "\r\n"), NODE_CONFIG)

    assert made.startswith("MIME-Version")
    assert made.count("\n") == made.count("\r\n")
    assert len(parts_of(made)) == 3


@pytest.mark.parametrize("text", ["", SCRIPT, yaml.safe_dump(OTHER), ARCHIVE])
def test_a_node_config_that_is_there_is_not_added_again(text: str) -> None:
    once = with_node_config(text, NODE_CONFIG)

    assert with_node_config(once, NODE_CONFIG) == once


@given(
    st.lists(
        st.text(st.characters(codec="ascii", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e")),
        max_size=8,
    )
)
def test_every_line_of_any_script_is_kept(lines: list[str]) -> None:
    script = "#!/bin/bash\n" + "\n".join(lines)
    try:
        made = with_node_config(script, NODE_CONFIG)
    except ManifestError:
        assert "--//" in script.splitlines() or kind_of(script) is UserData.NODE_CONFIG
        return

    assert parts_of(made)[0][1] == script


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("MIME-Version: 1.0\nContent-Type: text/plain\n\nx", "no multi-part archive"),
        (ARCHIVE.replace("--BOUNDARY--", ""), "does not end with --BOUNDARY--"),
        (f"{SCRIPT}--//\n", "has a line --//"),
        ("echo hello: world\n", "which it is not"),
        (
            yaml.safe_dump({**NODE_CONFIG, "spec": {"featureGates": {"FastImagePull": False}}}),
            "says FastImagePull: false; take it out",
        ),
        (
            ARCHIVE.replace("maxPods: 42", "maxPods: 42\n  featureGates: {FastImagePull: false}"),
            "says FastImagePull: false; take it out",
        ),
        (ARCHIVE.replace("kind: NodeConfig", "kind: [NodeConfig"), "is no YAML"),
    ],
)
def test_what_nothing_can_be_added_to_is_refused(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        with_node_config(text, NODE_CONFIG)


def nested(tables: Any) -> dict[str, Any]:
    """Tables by dotted names as TOML reads them."""
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    return tomllib.loads(text)


def test_nothing_becomes_the_tables_alone() -> None:
    made = with_toml("", TOML)

    assert tomllib.loads(made) == nested(TOML)
    assert made.startswith('[settings.container-runtime]\nsnapshotter = "soci"\n')


OURS = """# Pods of ours.
[settings.kubernetes]
max-pods = 42  # as measured
[settings.container-runtime]
max-container-log-line-size = 1000
"""


def test_tables_and_comments_stay_and_a_table_that_is_there_is_filled() -> None:
    made = with_toml(OURS, TOML)

    found = tomllib.loads(made)["settings"]
    assert found["kubernetes"] == {"max-pods": 42}
    assert found["container-runtime"] == {
        "max-container-log-line-size": 1000,
        "snapshotter": "soci",
    }
    for line in OURS.splitlines():
        assert line in made.splitlines()


@pytest.mark.parametrize("text", ["", OURS, OURS.strip(), '[settings]\nmotd = "x"'])
def test_tables_that_are_there_are_not_added_again(text: str) -> None:
    once = with_toml(text, TOML)

    assert with_toml(once, TOML) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/bash\necho x\n", "it is no TOML, as Bottlerocket takes"),
        ('[settings.container-runtime]\nsnapshotter = "overlayfs"\n', 'and would need "soci"'),
        (f'[{SOCI}]\npull-mode = "lazy"\n', 'has pull-mode = "lazy", and would need'),
        ("[settings]\ncontainer-runtime = 1\n", "is no table there"),
        ("[settings]\ncontainer-runtime = {}\n", "none can be added"),
        ('[settings]\ncontainer-runtime.x = "y"\n', "none can be added"),
    ],
)
def test_tables_that_say_otherwise_or_are_closed_are_refused(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        with_toml(text, TOML)


words = st.from_regex(r"[a-z][a-z-]{0,5}", fullmatch=True)
values = st.booleans() | st.integers(-9, 9) | st.from_regex(r"[ -~]{0,8}", fullmatch=True)


@given(st.dictionaries(words, st.dictionaries(words, values, max_size=3), max_size=4))
def test_any_other_table_is_as_it_was(tables: dict[str, dict[str, Any]]) -> None:
    before = "".join(
        f"[settings.{name}]\n" + "".join(f"{key} = {written(value)}\n" for key, value in of.items())
        for name, of in tables.items()
    )

    found = tomllib.loads(with_toml(before, TOML))

    wanted = nested(TOML)
    wanted["settings"] = {**tables, **wanted["settings"]}
    for name in ("container-runtime", "container-runtime-plugins"):
        assert name not in tables
    assert found == wanted


def written(value: Any) -> str:
    """A value in TOML, by literal strings where it can be."""
    if isinstance(value, str):
        return (
            f"'{value}'"
            if "'" not in value
            else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        )
    return str(value).lower()


@pytest.mark.parametrize("value", ['a"b', "a\\b", "é", "a\nb"])
def test_what_would_need_escapes_is_not_written(value: str) -> None:
    with pytest.raises(ManifestError, match="is no plain text"):
        toml_value(value)
