"""Options by which served models are named and described; for every command about KServe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.kubernetes import KubernetesCluster
from advisor.lead_time import ImagePull
from advisor.lead_time_terms import IMAGE_GB
from advisor.serving.kserve_demand import (
    Asked,
    ServiceDemand,
)
from advisor.serving.kserve_finding import Finding, Subject
from advisor.serving.kserve_findings import Surroundings, findings, subject_of
from advisor.serving.kserve_objects import Objects, objects_of
from advisor.serving.models import (
    BYTES_PER_PARAMETER,
)
from advisor.serving.service import Mode, Service
from api.answers import known_market
from api.errors import UsageError
from api.manifest_files import read_manifests
from api.options import (
    Filters,
    Kubeconfig,
    KubeContext,
    Warehouse,
    parameter_count,
    size_gb,
    span,
)
from api.serving import ModelSaid, names_of, offerings_in, services_in
from api.settings import Settings
from warehouse.records import Offering

PROVIDERS = ("aws", "alibaba", "gcp", "azure")


def _precision(text: str) -> str:
    if text.lower() not in BYTES_PER_PARAMETER:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(BYTES_PER_PARAMETER)}")
    return text.lower()


def _provider(text: str) -> str:
    if text.lower() not in PROVIDERS:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(PROVIDERS)}")
    return text.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """Which services, and what is known of their model and of the cluster."""

    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests of KServe, with what belongs to them; - for stdin."),
    ] = None
    name: Annotated[str | None, typer.Option(help="Only the service of this name, of several.")] = (
        None
    )
    namespace: Annotated[
        str | None, typer.Option(help="Read the services of this namespace of a cluster instead.")
    ] = None
    kubeconfig: Kubeconfig = None
    kube_context: KubeContext = None
    index: Annotated[
        Path | None,
        typer.Option(
            help="The model's model.safetensors.index.json: its size.", exists=True, dir_okay=False
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            help="The model's config.json: layers, heads, number format.",
            exists=True,
            dir_okay=False,
        ),
    ] = None
    parameters: Annotated[
        float | None,
        typer.Option(parser=parameter_count, metavar="COUNT", help="Parameters, such as 32.76B."),
    ] = None
    weights: Annotated[
        float | None,
        typer.Option(parser=size_gb, metavar="SIZE", help="All weight files, such as 65.5 GB."),
    ] = None
    precision: Annotated[
        str | None,
        typer.Option(
            parser=_precision,
            metavar="FORMAT",
            help=f"Format of the weights: {', '.join(BYTES_PER_PARAMETER)}.",
        ),
    ] = None
    context_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of one sequence, instead of the manifest's.")
    ] = None
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Sequences of full length at once.")
    ] = None
    gpus: Annotated[
        int | None, typer.Option("--gpus", "-g", min=1, help="GPUs, instead of the manifest's.")
    ] = None
    image_size: Annotated[
        float | None,
        typer.Option(parser=size_gb, metavar="SIZE", help="The server's image, compressed."),
    ] = None
    deployment_mode: Annotated[
        Mode | None, typer.Option(help="How the cluster runs services that do not say it.")
    ] = None

    def objects(self) -> Objects:
        """What is to be looked at.

        Raises:
            UsageError: neither files nor a namespace, or both; or a file that cannot be read.
            ClusterError: the cluster does not tell.
            ServingError: an object cannot be read.
        """
        if bool(self.files) == bool(self.namespace):
            raise UsageError("give manifests, or --namespace to read a cluster's")
        if self.namespace:
            with KubernetesCluster(
                kubeconfig=self.kubeconfig, context=self.kube_context
            ) as cluster:
                return objects_of(cluster.serving(self.namespace), is_whole=True)
        return objects_of(one for path in self.files or () for one in read_manifests(path))

    def services(self, objects: Objects) -> list[Service]:
        """The services that are asked about.

        Raises:
            NoAnswerError: there is none.
            ServingError: one cannot be read.
        """
        where = f"namespace {self.namespace}" if self.namespace else "the manifests"
        return services_in(objects, self.deployment_mode, self.name, where)

    def one_service(self, objects: Objects) -> Service:
        """The one service that is asked about.

        Raises:
            UsageError: there are several, and none is named.
        """
        found = self.services(objects)
        if len(found) > 1:
            raise UsageError(f"name one of several with --name: {names_of(found)}")
        return found[0]

    def demand(self, service: Service) -> ServiceDemand:
        """What the service asks of machines.

        Raises:
            UsageError: a file of the model cannot be read.
        """
        asked = Asked(
            self.context_length,
            self.concurrency,
            self.gpus,
            IMAGE_GB if self.image_size is None else self.image_size,
        )
        return self.said().demand(service, asked)

    def said(self) -> ModelSaid:
        """What is said of the model.

        Raises:
            UsageError: a file cannot be read.
        """
        return ModelSaid(
            index=None if self.index is None else read_object(self.index),
            index_from="--index" if self.index is None else self.index.name,
            config=None if self.config is None else read_object(self.config),
            config_from="--config" if self.config is None else self.config.name,
            parameters=self.parameters,
            parameters_from="--parameters",
            weights=self.weights,
            weights_from="--weights",
            precision=self.precision,
        )


def read_object(path: Path) -> Mapping[str, Any]:
    """The object of a JSON file.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: an object is wanted, as the model's repository has it")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions(ServingOptions):
    """The same, with what is known of cloud and market; for commands that judge."""

    provider: Annotated[
        str | None,
        typer.Option("--provider", "-p", parser=_provider, metavar="CLOUD", help="The cloud."),
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "-r", help="Hold it against the machines of this region as well."),
    ] = None
    warehouse: Warehouse = None
    cold_start: Annotated[
        timedelta | None,
        typer.Option(
            parser=span,
            metavar="TIME",
            help="From the order of a machine to the first answer, if you have measured it.",
        ),
    ] = None
    image_pull: Annotated[ImagePull, typer.Option(help="How the image comes to a node.")] = (
        ImagePull.EAGER
    )

    def surroundings(self, settings: Settings, objects: Objects) -> Surroundings:
        """What is known beside the manifests.

        Raises:
            WarehouseError: the database cannot be read.
            NoAnswerError: it has nothing of the region.
        """
        return Surroundings(
            objects,
            self.provider,
            self._offerings(settings),
            None if self.cold_start is None else self.cold_start.total_seconds(),
            self.image_pull,
        )

    def judged(self, service: Service, around: Surroundings) -> tuple[Subject, list[Finding]]:
        """The service, and what is to be said of it."""
        subject = subject_of(self.demand(service), around)
        return subject, findings(subject)

    def _offerings(self, settings: Settings) -> list[Offering] | None:
        if not self.region:
            return None
        if self.provider is None:
            raise UsageError("give --provider as well: a region is one of a cloud's")
        filters = Filters(
            provider=self.provider, region=list(self.region), warehouse=self.warehouse
        )
        known = known_market(settings, filters)
        return offerings_in(known.universe.offerings, self.provider, self.region)
