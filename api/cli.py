"""``spotcast``: the command line; `api.errors` has the exit codes."""

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from advisor.errors import AdvisorError
from api.errors import EXIT_FAILED, EXIT_USAGE, NoAnswerError, UsageError
from api.output import note
from api.security.redaction import redact_logs
from api.settings import SettingsError, current_settings
from collector.watchlist import WatchlistError
from warehouse.errors import WarehouseError

HELP = """
Spot-market prices, interruption risk and ranked GPU offerings for Karpenter.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 answered from stale data, 4 a plan has changes,
5 a plan is beyond its budget.
"""

COMMANDS = {
    "demo": "demo.demo_command",
    "collect": "collect.collect_command",
    "watch": "watch.watch_command",
    "serve": "serve.serve_command",
    "feeds": "feeds.feeds_command",
    "quarantine": "feeds.quarantine_command",
    "interruptions": "interruptions.interruptions_command",
    "providers": "collect.providers_command",
    "import": "history.import_command",
    "price": "market.price_command",
    "rank": "market.rank_command",
    "gpus": "gpus.gpus_command",
    "headroom": "headroom.headroom_command",
    "nodepool": "nodepool.nodepool_command",
    "nodeoverlay": "nodeoverlay.nodeoverlay_command",
    "nodeclaim": "nodeclaim.nodeclaim_command",
    "buffer": "buffer.buffer_command",
    "pack": "pack.pack_command",
    "plan": "plan.plan_command",
    "apply": "apply.apply_command",
    "guard": "guard.guard_command",
    "nodes": "nodes.nodes_command",
    "replace": "replace.replace_command",
    "replacements": "replacements.replacements_command",
    "lead-time": "lead_time.lead_time_command",
    "render": "render.render_app",
    "kserve": "kserve.kserve_app",
    "fluid": "fluid.fluid_command",
    "localmodel": "localmodel.localmodel_command",
    "warm": "warm.warm_command",
    "images": "images.images_command",
    "return": "fallback.return_command",
    "forecast": "forecast.forecast_command",
    "risk": "risk.risk_command",
    "backtest": "backtest.backtest_command",
    "fit": "fit.fit_command",
    "fit-joint": "fit_joint.fit_joint_command",
    "spread": "spread.spread_command",
    "simulate": "simulate.simulate_command",
    "verify": "verify.verify_command",
    "mcp": "mcp.mcp_command",
    "report": "report.report_app",
    "config": "config.config_app",
    "deliver": "deliver.deliver_command",
    "alerts": "alerts.alerts_app",
    "keys": "keys.keys_app",
    "db": "db.db_app",
    "jobs": "jobs.jobs_app",
    "schema": "schema.schema_command",
}
"""Each command's function in `api.commands`, in the order of the help. It is imported when it is
asked for: all of them together load every library that any of them needs, which takes seconds."""


CONFIG_OPTION = "--config"
OWN_CONFIG = {"kserve"}
"""Commands with an option of that name for another file: before them it is the settings' file."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The application that runs these arguments: with the command that they name, or with all.

    All of them where none is named, or one that is not there: the help lists them.
    """
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(start)
    app.command("version")(version_command)
    after = arguments[2:] if arguments[:1] == [CONFIG_OPTION] else arguments
    named = next((one for one in after if not one.startswith("-")), None)
    if named == "version" or (named is None and "--version" in arguments):
        return app
    for name, place in COMMANDS.items():
        if named in COMMANDS and name != named:
            continue
        module, _, function = place.rpartition(".")
        found = getattr(import_module(f"api.commands.{module}"), function)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _version(*, wanted: bool) -> None:
    if wanted:
        version_command()
        raise typer.Exit


def start(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration file; else SPOTCAST_CONFIG, else the user's.",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read the settings before any command runs."""
    if context.invoked_subcommand == "config":
        # It says itself what is wrong with them.
        context.obj = config
        return
    settings = context.obj = current_settings(config)
    if settings.configured:
        # What it needs is loaded by then; without a file nobody pays for it.
        from api.config.options import defaults  # noqa: PLC0415

        context.default_map = defaults(context.command, settings.configured)
        if context.invoked_subcommand in {"serve", "mcp"}:
            settings.configured.check_server()


def version_command() -> None:
    """Show the version."""
    sys.stdout.write(f"spotcast {version('spotcast')}\n")


def _config_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``--config`` before the command, wherever it was written."""
    for place, one in enumerate(arguments):
        if one == "--" or one in OWN_CONFIG:
            break
        if one == CONFIG_OPTION and place + 1 < len(arguments):
            rest = [*arguments[:place], *arguments[place + 2 :]]
            return [CONFIG_OPTION, arguments[place + 1], *rest]
        if one.startswith(f"{CONFIG_OPTION}="):
            rest = [*arguments[:place], *arguments[place + 1 :]]
            return [CONFIG_OPTION, one.partition("=")[2], *rest]
    return list(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, by default that of this process; errors become a sentence and a code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    redact_logs()
    # A request that is tried again is no news; what came of it in the end is told.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    given = _config_first(sys.argv[1:] if arguments is None else arguments)
    try:
        app_for(given)(args=given)
    except (NoAnswerError, WarehouseError, AdvisorError) as error:
        note(f"spotcast: {error}")
        sys.exit(EXIT_FAILED)
    except (UsageError, SettingsError, WatchlistError) as error:
        note(f"spotcast: {error}")
        sys.exit(EXIT_USAGE)
