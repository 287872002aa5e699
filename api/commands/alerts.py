"""``spotcast alerts``: what fires and by which rules, what alerts went through; for Prometheus."""

import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml

from api.alerts.judging import State
from api.alerts.looking import Looker, judged_by, look
from api.alerts.prometheus import operator_rule, rule_file
from api.alerts.rules import HEADINGS, about, rules_of, silencer
from api.delivery.notice import Severity as Level
from api.errors import EXIT_FAILED, UsageError
from api.options import Output, moment
from api.options import Warehouse as WarehouseOption
from api.output import Column, Format, note, write
from api.service.alerts import alert_row, cadences_of, ordered
from api.settings import Settings
from api.wiring import utc_now
from collector.provider import providers
from warehouse.alerts import alert_changes
from warehouse.store import Warehouse, lease

WINDOW = timedelta(days=7)
MOST_CHANGES = 10_000

alerts_app = typer.Typer(
    help="Show what fires, and why; the rules, also for Prometheus.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


class RuleForm(StrEnum):
    """How rules are written."""

    TABLE = "table"
    JSON = "json"
    PROMETHEUS = "prometheus"
    OPERATOR = "operator"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _labels(labels: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items()) or "all"


ALERT_COLUMNS = (
    Column("state", "STATE"),
    Column("rule", "RULE"),
    Column("severity", "SEVERITY"),
    Column("since", "SINCE (UTC)", _time),
    Column("labels", "OF", _labels, is_wide=True),
    Column("fingerprint", "ID", is_wide=True),
    Column("text", "WHAT"),
)
RULE_COLUMNS = (
    Column("rule", "RULE"),
    Column("is_on", "ON", lambda value: "yes" if value else "no"),
    Column("severity", "SEVERITY"),
    Column("for_minutes", "FOR (min)", "{:g}".format, is_right=True),
    Column("channels", "TOLD TO", lambda names: ", ".join(names) or "nobody"),
    Column("about", "WATCHES FOR"),
)
CHANGE_COLUMNS = (
    Column("changed_at", "AT (UTC)", _time),
    Column("change", "CHANGE"),
    Column("rule", "RULE"),
    Column("fingerprint", "ID", is_wide=True),
    Column("text", "WHAT"),
)


@alerts_app.callback()
def list_command(
    context: typer.Context,
    output: Output = Format.TABLE,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with exit code 1 if anything fires.")
    ] = False,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    rule: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of a rule.")] = None,
    severity: Annotated[Level | None, typer.Option(help="Only those this severe.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Judge every rule now and show what fires, what may, and what is unknown.

    Nothing is stored and nobody is told: a server does that every minute, as ``alerts look`` does.
    A rule's time counts from when such a look first saw the fault.
    """
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    if rule is not None and rule not in settings.alerts.rules:
        raise UsageError(f"--rule {rule}: no such rule; there are {', '.join(HEADINGS)}")
    now = utc_now()
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        readings, before = Looker().read(store, settings.at(warehouse), now)
    judged = judged_by(settings, readings, before, now)
    cadences, is_silenced = cadences_of(providers().values()), silencer(settings.alerts, now)
    found = [
        alert_row(one, settings.alerts, cadences, is_silenced)
        for one in ordered(list(judged.after.values()))
    ]
    found = [
        row
        for row in found
        if (state is None or row["state"] is state)
        and (rule is None or row["rule"] == rule)
        and (severity is None or row["severity"] == severity)
    ]
    write(output, ALERT_COLUMNS, found, name="alerts", about={"as_of": now})
    firing = sum(row["state"] is State.FIRING for row in found)
    unknown = sum(row["state"] is State.UNKNOWN for row in found)
    note(f"{firing} fire; of {len(readings)} readings {unknown} are unknown, which is not well.")
    if exit_code and firing:
        raise typer.Exit(EXIT_FAILED)


@alerts_app.command("look")
def look_command(context: typer.Context, warehouse: WarehouseOption = None) -> None:
    """Judge every rule once, store the outcome, and put what is to be told into the outbox.

    A server does it every minute; for a machine that runs none, call it as often.
    """
    settings: Settings = context.obj
    settings = settings.at(warehouse)
    found = look(lease(settings.warehouse), settings, utc_now)
    sys.stdout.write(", ".join(f"{count} {name}" for name, count in found.items()) + "\n")


@alerts_app.command("rules")
def rules_command(
    context: typer.Context,
    output: Annotated[
        RuleForm,
        typer.Option(
            "--output",
            "-o",
            help="prometheus: a rule file; operator: a PrometheusRule for Kubernetes.",
        ),
    ] = RuleForm.TABLE,
) -> None:
    """Show the rules as they are set, or write them for Prometheus."""
    settings: Settings = context.obj
    match output:
        case RuleForm.PROMETHEUS:
            yaml.safe_dump(rule_file(settings.alerts), sys.stdout, sort_keys=False, width=100)
        case RuleForm.OPERATOR:
            yaml.safe_dump(operator_rule(settings.alerts), sys.stdout, sort_keys=False, width=100)
        case RuleForm.TABLE | RuleForm.JSON:
            write(Format(output.value), RULE_COLUMNS, _rules(settings), name="rules", about={})


@alerts_app.command("history")
def history_command(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="From when on. Default: 7 days ago."),
    ] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Show what alerts went through and when they were told, the newest first."""
    settings: Settings = context.obj
    now = utc_now()
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        rows = alert_changes(store, now, since or now - WINDOW, limit=MOST_CHANGES).to_dicts()
    write(output, CHANGE_COLUMNS, rows, name="changes", about={"as_of": now})


def _rules(settings: Settings) -> list[dict[str, Any]]:
    sections = settings.alerts.rules
    return [
        {
            "rule": rule.name,
            "is_on": rule.is_on,
            "severity": rule.severity,
            "for_minutes": sections[rule.name].for_minutes,
            "channels": list(rule.channels),
            "about": about(sections[rule.name]),
            "settings": sections[rule.name].model_dump(mode="json"),
        }
        for rule in rules_of(settings).values()
    ]
