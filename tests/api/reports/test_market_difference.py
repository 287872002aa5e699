"""What changed between two reports."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api.reports.market.difference import difference
from api.reports.market.difference_forms import difference_page, difference_text
from api.reports.market.document import Cell, ReportDocument, Table


def changed(
    report: ReportDocument, table: str, field: str, row: int, value: Cell
) -> ReportDocument:
    """The report with one cell of one table changed."""

    def with_value(one: Table) -> Table:
        rows = [list(each) for each in one.rows]
        rows[row][one.place(field)] = value
        return one.model_copy(update={"rows": tuple(map(tuple, rows))})

    sections = tuple(
        section.model_copy(
            update={
                "tables": tuple(
                    with_value(one) if one.name == table else one for one in section.tables
                )
            }
        )
        for section in report.sections
    )
    return report.model_copy(update={"sections": sections})


def rows(found: Any, name: str) -> list[dict[str, Cell]]:
    return next(table.records() for table in found.tables if table.name == name)


def test_a_report_does_not_differ_from_itself(weekly: ReportDocument) -> None:
    found = difference(weekly, ReportDocument.model_validate_json(weekly.model_dump_json()))

    assert found.is_empty
    assert found.sentences == ("Nothing changed.",)


@given(price=st.floats(0.01, 100.0))
def test_a_price_that_changed_is_told_from_both_sides(weekly: ReportDocument, price: float) -> None:
    other = changed(weekly, "savings", "usd_per_hour", 0, price)
    table = weekly.table("savings")
    assert table is not None
    was = table.records()[0]["usd_per_hour"]

    there, back = difference(weekly, other), difference(other, weekly)

    assert there.is_empty == back.is_empty == (abs(price / float(str(was)) - 1) <= 1e-9)
    if not there.is_empty:
        (one,), (two,) = rows(there, "price_moves"), rows(back, "price_moves")
        assert (one["before_usd_per_hour"], one["after_usd_per_hour"]) == (was, price)
        assert (two["before_usd_per_hour"], two["after_usd_per_hour"]) == (price, was)


def test_pools_that_come_are_those_that_go_the_other_way(weekly: ReportDocument) -> None:
    other = changed(weekly, "savings", "zone", 0, "use1-az9")

    there, back = difference(weekly, other), difference(other, weekly)

    assert rows(there, "pools_new") == rows(back, "pools_gone")
    assert rows(there, "pools_new")[0]["zone"] == "use1-az9"


def test_risks_and_verdicts_that_moved_are_told(weekly: ReportDocument) -> None:
    other = changed(weekly, "riskiest", "probability_24h", 0, 0.5)
    other = changed(other, "riskiest", "skill_24h", 0, "moved")

    found = difference(weekly, other)

    (move,) = rows(found, "risk_moves")
    assert (move["before_share"], move["after_share"]) == (0.2, 0.5)
    assert rows(found, "verdict_moves")[0]["after"] == "moved"


def test_a_difference_is_readable_as_text_and_as_a_page(weekly: ReportDocument) -> None:
    found = difference(weekly, changed(weekly, "savings", "usd_per_hour", 0, 9.0))

    text, html = difference_text(found), difference_page(found)

    assert text.startswith("From the week to 2026-11-23 to the week to 2026-11-23.")
    assert "9.0000" in text
    assert "9.0000" in html
    assert "http" not in html
