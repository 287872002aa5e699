"""One line for the shell: what goes into a variable, a flag or a commit message."""

from collections.abc import Sequence

from advisor.renderers.choice import instance_types, unique
from warehouse.records import REGIONAL, Offering


def one_line(offerings: Sequence[Offering], *, with_places: bool = False) -> str:
    """The instance types, best first, with commas between; '' of none.

    ``with_places`` tells each pool apart: ``g5.xlarge@use1-az4``, and the region where a price
    holds for all of it.
    """
    if not with_places:
        return ",".join(instance_types(offerings))
    return ",".join(unique(_at(one) for one in offerings))


def _at(offering: Offering) -> str:
    pool = offering.pool
    return f"{pool.instance_type}@{pool.region if pool.zone == REGIONAL else pool.zone}"
