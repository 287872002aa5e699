"""Everything that a user may set, section by section."""

from typing import Annotated

from pydantic import Field

from api.config.alerts import AlertsSection
from api.config.channels import ChannelSection
from api.config.jobs import BackupSection, JobsSection, ReportsSection, RetentionSection
from api.config.market import CollectSection, MarketSection, WarehouseSection
from api.config.section import Section
from api.config.serving import GuardSection, SecuritySection, ServeSection

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)]


class Configuration(Section):
    """The configuration file as a whole."""

    warehouse: WarehouseSection = WarehouseSection()
    market: MarketSection = MarketSection()
    collect: CollectSection = CollectSection()
    serve: ServeSection = ServeSection()
    security: SecuritySection = SecuritySection()
    guard: GuardSection = GuardSection()
    jobs: JobsSection = JobsSection()
    reports: ReportsSection = ReportsSection()
    backup: BackupSection = BackupSection()
    retention: RetentionSection = RetentionSection()
    alerts: AlertsSection = AlertsSection()
    channels: dict[Name, ChannelSection] = Field(default={}, max_length=200)
