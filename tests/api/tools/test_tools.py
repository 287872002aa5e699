"""The tools by the official client: what is listed, what is answered, what is refused."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate
from mcp import MCPError
from mcp.types import TextContent, TextResourceContents

from advisor import DEFINITIONS
from advisor.risk.verification import Verdict
from api.rows.risk import HORIZONS
from api.service.state import Service
from api.tools.catalogue import TOOLS
from api.tools.prompts import PROMPTS
from api.tools.reference import PAGES
from api.tools.server import DEFECT, TOLD, mcp_server
from api.tools.tool import Tool
from tests.support.agents import BAD, EXAMPLES, asked, called, every_tool, text_of, tool_names
from tests.support.cli import a_market
from tests.support.market import NOW
from tests.support.served import a_service
from warehouse.records import Semantics


@pytest.fixture
def service() -> Iterator[Service]:
    with a_service() as made:
        yield made


@pytest.fixture(scope="module")
def lasting() -> Iterator[Service]:
    with a_service() as made:
        yield made


def test_every_tool_is_listed_as_read_only_with_what_it_asks_and_answers(service: Service) -> None:
    listed = asked(mcp_server(service), lambda client: client.list_tools()).tools

    assert [one.name for one in listed] == tool_names()
    for one in listed:
        told = one.annotations
        assert told is not None
        assert (told.read_only_hint, told.idempotent_hint, told.open_world_hint) == (
            True,
            True,
            False,
        )
        assert one.description
        assert one.input_schema["additionalProperties"] is False
        assert one.output_schema
        assert one.output_schema["type"] == "object"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_answers_as_its_schema_says(service: Service, mode: str) -> None:
    answers = asked(mcp_server(service), every_tool, mode=mode)

    assert list(answers) == tool_names()
    for name, answer in answers.items():
        assert not answer.is_error, (name, text_of(answer))
        assert answer.structured_content
        assert text_of(answer)


def test_the_same_question_has_the_same_answer(service: Service) -> None:
    assert asked(mcp_server(service), every_tool) == asked(mcp_server(service), every_tool)


@pytest.mark.parametrize("name", tool_names())
def test_an_argument_that_is_not_known_is_an_error_that_names_it(
    service: Service, name: str
) -> None:
    answer = called(mcp_server(service), name, {**EXAMPLES[name], "regoin": "us-east-1"})

    assert answer.is_error
    assert text_of(answer).startswith("regoin: there is no such argument")


@pytest.mark.parametrize("name", [name for name in tool_names() if BAD[name]])
def test_a_wrong_argument_is_an_error_that_names_it(service: Service, name: str) -> None:
    (wrong,) = BAD[name]
    answer = called(mcp_server(service), name, {**EXAMPLES[name], **BAD[name]})

    assert answer.is_error
    assert text_of(answer).startswith(wrong)


def test_a_market_that_was_not_read_for_long_is_said_to_be_stale(service: Service) -> None:
    with a_service(*a_market(NOW), now=NOW + timedelta(days=3)) as later:
        stale = called(mcp_server(later), "search")
    fresh = called(mcp_server(service), "search")

    assert "STALE" not in text_of(fresh)
    assert not fresh.structured_content["is_stale"]
    assert "STALE: some of this is too old to stand for now; the oldest is 3 d old" in text_of(
        stale
    )
    assert all(one["is_stale"] for one in stale.structured_content["items"])


def test_an_unknown_risk_is_null_and_is_said_not_to_be_safe(service: Service) -> None:
    answer = called(mcp_server(service), "search", {"instance_types": ["p3.2xlarge"]})

    (one,) = answer.structured_content["items"]
    assert one["hazard_per_hour"] is None
    assert one["probability"] is None
    assert "interrupted unknown, which is not safe" in text_of(answer)


def test_a_bound_on_the_risk_leaves_out_what_is_unknown_and_counts_it(service: Service) -> None:
    answer = called(mcp_server(service), "search", {"gpus": 1, "max_hazard_per_hour": 1.0})

    found = {one["instance_type"] for one in answer.structured_content["items"]}
    assert found == {"g5.xlarge", "g4dn.xlarge"}
    assert "1 more of unknown risk" in text_of(answer)


def test_a_wish_that_nothing_meets_says_what_would_relax_it(service: Service) -> None:
    for name, wishes in {
        "search": {"max_price_per_hour": 0.001},
        "rank": {"max_usd_per_hour": 0.001},
    }.items():
        answer = called(mcp_server(service), name, wishes)
        assert not answer.is_error
        assert answer.structured_content["items"] == []
        assert "None of the 4 offerings fits: 'at most 0.001 USD an hour'" in text_of(answer)


def test_lists_may_come_as_texts_and_null_is_not_given(service: Service) -> None:
    plain = called(mcp_server(service), "search", {"regions": ["us-east-1"], "gpus": 1})

    for regions in ("us-east-1", '["us-east-1"]'):
        loose = {"regions": regions, "gpus": 1, "zones": None, "min_vcpu": None, "limit": None}
        assert called(mcp_server(service), "search", loose) == plain


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(service: Service) -> None:
    with pytest.raises(MCPError, match="There is no tool 'delete'"):
        called(mcp_server(service), "delete")


def test_a_defect_of_ours_ends_as_an_error_that_keeps_its_text_to_the_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("a secret place")

    tool = replace(TOOLS[0], answer=broken)
    answer = called(mcp_server(service, tools=[tool]), "search")

    assert answer.is_error
    assert text_of(answer) == DEFECT
    assert "a secret place" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("tool", TOOLS, ids=tool_names())
def test_whatever_is_asked_is_answered_or_refused(lasting: Service, tool: Tool[Any, Any]) -> None:
    names = st.sampled_from(sorted(tool.asks.model_fields))

    @given(wild=st.dictionaries(names, JSON, max_size=3))
    @settings(max_examples=25)
    def check(wild: dict[str, Any]) -> None:
        try:
            answer, text = tool.call(lasting, {**EXAMPLES[tool.name], **wild})
        except TOLD as error:
            answer, text = None, str(error)

        assert text
        if answer is not None:
            validate(answer, tool.answers.model_json_schema(mode="serialization"))

    check()


def test_the_papers_name_every_tool_page_and_prompt_and_what_search_asks() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([a-z_]+)` \|", page, flags=re.MULTILINE)

    assert named == tool_names()
    assert all(f"`{one.uri}`" in page for one in PAGES)
    assert all(f"`{one.name}`" in page for one in PROMPTS)
    assert f"`{', '.join(TOOLS[0].asks.model_fields)}`" in page


def read(server: Any, uri: str) -> str:
    """The text of a page."""
    (told,) = asked(server, lambda client: client.read_resource(uri)).contents
    assert isinstance(told, TextResourceContents)
    return told.text


def filled(server: Any, name: str, gaps: dict[str, str]) -> str:
    """A prompt with its gaps filled."""
    (message,) = asked(server, lambda client: client.get_prompt(name, gaps)).messages
    assert isinstance(message.content, TextContent)
    return message.content.text


def test_every_page_and_prompt_can_be_read(service: Service) -> None:
    server = mcp_server(service)
    pages = asked(server, lambda client: client.list_resources()).resources
    prompts = asked(server, lambda client: client.list_prompts()).prompts

    assert pages
    assert prompts
    for page in pages:
        assert read(server, page.uri).startswith("# ")
    for prompt in prompts:
        gaps = {one.name: "so much" for one in prompt.arguments or []}
        question = filled(server, prompt.name, gaps)
        assert "so much" in question
        assert "{" not in question
    with pytest.raises(MCPError, match="workload: this argument must be given"):
        asked(server, lambda client: client.get_prompt("choose_gpu_node_pool"))


def test_the_pages_know_every_word_that_answers_use() -> None:
    text = " ".join(page.text() for page in PAGES)

    for word in (*Semantics, *Verdict, *HORIZONS, *DEFINITIONS):
        assert f"{getattr(word, 'value', word)}" in text.replace(" min", "m").replace(" h", "h")
