"""Questions that people often have, as prompts that a client offers them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.tools.tool import ArgumentError

LONGEST = 300
"""Characters of an argument: a name, a size, a list of regions."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question with gaps; ``arguments`` maps the name of each gap to its meaning."""

    name: str
    title: str
    description: str
    template: str
    arguments: Mapping[str, str]
    required: frozenset[str] = field(default_factory=frozenset)

    def text(self, given: Mapping[str, str]) -> str:
        """The question with its gaps filled; what is not given is said to be open.

        Raises:
            ArgumentError: an argument is missing, not known or too long.
        """
        for name, value in given.items():
            if name not in self.arguments:
                known = ", ".join(self.arguments)
                raise ArgumentError(f"{name}: there is no such argument; there are {known}.")
            if len(value) > LONGEST:
                raise ArgumentError(f"{name}: longer than {LONGEST} characters.")
        if missing := sorted(self.required - given.keys()):
            raise ArgumentError(f"{missing[0]}: this argument must be given.")
        return self.template.format_map({name: given.get(name) or "any" for name in self.arguments})


PROMPTS = (
    Prompt(
        name="choose_gpu_node_pool",
        title="Choose GPU machines for a NodePool",
        description="From a model's GPU memory to a Karpenter NodePool of spot machines.",
        template=(
            "Choose spot GPU machines for a Karpenter NodePool.\n"
            "Workload: {workload}. GPU memory that it needs, GiB: {gpu_memory_gib}. "
            "Cloud: {provider}. Regions: {regions}.\n\n"
            "1. Call `feeds`: say which feeds are late before anything else.\n"
            "2. Call `lead_time` for the time that a replacement needs: its `p95_seconds` is the "
            "`lead_time_seconds` of the demand, and what a restart costs at least.\n"
            "3. Call `rank` with the demand; explain the first five by their reasons, and say "
            "where a place is uncertain or the risk unknown.\n"
            "4. Call `risk` for these types; say what each forecast's skill allows.\n"
            "5. Call `nodepool` and show the YAML as it is. If the cluster has a NodePool "
            "already, ask for its YAML and call `plan` with it.\n"
            "Give every number with its source and age. Do not fill in what is unknown."
        ),
        arguments={
            "workload": "What runs: a model, an engine, a job.",
            "gpu_memory_gib": "Memory of a GPU that it needs, GiB.",
            "provider": "aws, alibaba, gcp or azure.",
            "regions": "Regions, separated by commas.",
        },
        required=frozenset({"workload"}),
    ),
    Prompt(
        name="why_is_it_risky",
        title="Why is this machine at risk?",
        description="What is known of the risk of one instance type in one region, and how well.",
        template=(
            "What is known of the risk of interruption of {instance_type} in {region}?\n"
            "Call `risk` for it (drivers, interval, grade, skill, age of the evidence), then "
            "`price_history` of the past week, then `rank` for machines with the same GPUs that "
            "stand before it. Say what is forecast, what is only published, and what is unknown."
        ),
        arguments={"instance_type": "Such as g5.xlarge.", "region": "Such as us-east-1."},
        required=frozenset({"instance_type", "region"}),
    ),
)
"""All prompts, in the order in which they are listed."""
