"""``spotcast``: the command line; `api.errors` has the exit codes."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from advisor.errors import AdvisorError
from api.commands.apply import apply_command
from api.commands.backtest import backtest_command
from api.commands.buffer import buffer_command
from api.commands.collect import collect_command, providers_command
from api.commands.demo import demo_command
from api.commands.fallback import return_command
from api.commands.feeds import feeds_command, quarantine_command
from api.commands.fit import fit_command
from api.commands.fit_joint import fit_joint_command
from api.commands.forecast import forecast_command
from api.commands.gpus import gpus_command
from api.commands.guard import guard_command
from api.commands.headroom import headroom_command
from api.commands.history import import_command
from api.commands.interruptions import interruptions_command
from api.commands.market import price_command, rank_command
from api.commands.nodeclaim import nodeclaim_command
from api.commands.nodeoverlay import nodeoverlay_command
from api.commands.nodepool import nodepool_command
from api.commands.nodes import nodes_command
from api.commands.pack import pack_command
from api.commands.plan import plan_command
from api.commands.render import render_app
from api.commands.replace import replace_command
from api.commands.replacements import replacements_command
from api.commands.risk import risk_command
from api.commands.schema import schema_command
from api.commands.simulate import simulate_command
from api.commands.spread import spread_command
from api.commands.verify import verify_command
from api.commands.watch import watch_command
from api.errors import EXIT_FAILED, EXIT_USAGE, NoAnswerError, UsageError
from api.output import note
from api.settings import SettingsError, current_settings
from collector.watchlist import WatchlistError
from warehouse.errors import WarehouseError

HELP = """
Spot-market prices, interruption risk and ranked GPU offerings for Karpenter.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 answered from stale data, 4 a plan has changes,
5 a plan is beyond its budget.
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        version_command()
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read the settings before any command runs."""
    context.obj = current_settings()


@app.command("version")
def version_command() -> None:
    """Show the version."""
    sys.stdout.write(f"spotcast {version('spotcast')}\n")


app.command("demo")(demo_command)
app.command("collect")(collect_command)
app.command("watch")(watch_command)
app.command("feeds")(feeds_command)
app.command("quarantine")(quarantine_command)
app.command("interruptions")(interruptions_command)
app.command("providers")(providers_command)
app.command("import")(import_command)
app.command("price")(price_command)
app.command("rank")(rank_command)
app.command("gpus")(gpus_command)
app.command("headroom")(headroom_command)
app.command("nodepool")(nodepool_command)
app.command("nodeoverlay")(nodeoverlay_command)
app.command("nodeclaim")(nodeclaim_command)
app.command("buffer")(buffer_command)
app.command("pack")(pack_command)
app.command("plan")(plan_command)
app.command("apply")(apply_command)
app.add_typer(render_app, name="render")
app.command("return")(return_command)
app.command("nodes")(nodes_command)
app.command("guard")(guard_command)
app.command("replace")(replace_command)
app.command("replacements")(replacements_command)
app.command("forecast")(forecast_command)
app.command("risk")(risk_command)
app.command("backtest")(backtest_command)
app.command("fit")(fit_command)
app.command("fit-joint")(fit_joint_command)
app.command("spread")(spread_command)
app.command("simulate")(simulate_command)
app.command("verify")(verify_command)
app.command("schema")(schema_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, by default that of this process; errors become a sentence and a code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # A request that is tried again is no news; what came of it in the end is told.
    logging.getLogger("stamina").setLevel(logging.ERROR)
    try:
        app(args=arguments)
    except (NoAnswerError, WarehouseError, AdvisorError) as error:
        note(f"spotcast: {error}")
        sys.exit(EXIT_FAILED)
    except (UsageError, SettingsError, WatchlistError) as error:
        note(f"spotcast: {error}")
        sys.exit(EXIT_USAGE)
