"""Constraints of a pod's spec as Kubernetes' scheduler reads them: required ones, in full.

Preferences cost the scheduler nothing to leave unmet, so they are not packed; that they were there
is said. A required constraint that cannot be honoured is an error: a packing that breaks it would
be a plan for pods that stay pending.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from advisor.karpenter.labels import AWS_ZONE_ID, ZONE
from advisor.packing.errors import PodError
from advisor.packing.pods import HOSTNAME, Expression, Operator, Separation, Toleration

TOPOLOGIES: Mapping[str, Literal["hostname", "zone"]] = {
    HOSTNAME: "hostname",
    ZONE: "zone",
    AWS_ZONE_ID: "zone",
    "failure-domain.beta.kubernetes.io/zone": "zone",
}
NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
POD_OPERATORS = NODE_OPERATORS[:4]

Spec = Mapping[str, Any]


class Reader:
    """Reads the constraints of one pod template; errors name its document, notes gather."""

    def __init__(self, document: str, labels: Mapping[str, str]) -> None:
        self._document = document
        self._labels = labels
        self.notes: list[str] = []

    def mapping(self, value: object, field: str) -> Spec:
        """``value`` as an object; none where it is null.

        Raises:
            PodError: it is something else.
        """
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(field, f"an object is wanted, not {value!r}")
        return cast("Spec", value)

    def sequence(self, value: object, field: str) -> Sequence[Any]:
        """``value`` as a list; empty where it is null.

        Raises:
            PodError: it is something else.
        """
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(field, f"a list is wanted, not {value!r}")
        return cast("Sequence[Any]", value)

    def error(self, field: str, reason: str) -> PodError:
        """The error to raise about ``field``."""
        return PodError(self._document, field, reason)

    def node_selector(self, spec: Spec) -> tuple[Expression, ...]:
        """``nodeSelector`` as conditions that all hold."""
        chosen = self.mapping(spec.get("nodeSelector"), "spec.nodeSelector")
        return tuple(Expression(key, "In", (str(chosen[key]),)) for key in sorted(chosen))

    def node_affinity(self, spec: Spec) -> tuple[tuple[Expression, ...], ...]:
        """The required terms of node affinity, of which one holds."""
        field = "spec.affinity.nodeAffinity"
        affinity = self.mapping(self._affinity(spec).get("nodeAffinity"), field)
        if affinity.get("preferredDuringSchedulingIgnoredDuringExecution"):
            self.notes.append("preferred node affinity")
        required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
        if required is None:
            return ()
        terms = self.sequence(self.mapping(required, field).get("nodeSelectorTerms"), field)
        if not terms:
            raise self.error(field, "required, but without nodeSelectorTerms: no node would do")
        return tuple(self._node_term(one, f"{field} term {at}") for at, one in enumerate(terms, 1))

    def _node_term(self, term: object, field: str) -> tuple[Expression, ...]:
        read = self.mapping(term, field)
        if read.get("matchFields"):
            raise self.error(field, "matchFields names one node; new nodes have no name yet")
        expressions = self.sequence(read.get("matchExpressions"), field)
        if not expressions:
            raise self.error(field, "empty: it matches no node")
        return tuple(self.expression(one, field, NODE_OPERATORS) for one in expressions)

    def expression(self, value: object, field: str, operators: Sequence[str]) -> Expression:
        """One condition on a label.

        Raises:
            PodError: Kubernetes would refuse it.
        """
        read = self.mapping(value, field)
        key, operator = str(read.get("key") or ""), str(read.get("operator"))
        values = tuple(str(one) for one in self.sequence(read.get("values"), field))
        if not key or operator not in operators:
            raise self.error(
                field, f"key {key!r} with operator {operator!r}: {operators} are known"
            )
        wants = {"In": len(values) > 0, "NotIn": len(values) > 0, "Gt": len(values) == 1}
        if not wants.get("Gt" if operator == "Lt" else operator, not values):
            raise self.error(field, f"{operator} on {key} with {len(values)} values")
        if operator in {"Gt", "Lt"} and not values[0].lstrip("-").isdigit():
            raise self.error(field, f"{operator} on {key} wants a whole number, not {values[0]!r}")
        return Expression(key, cast("Operator", operator), values)

    def tolerations(self, spec: Spec) -> tuple[Toleration, ...]:
        """The taints that the pod bears."""
        found: list[Toleration] = []
        for at, one in enumerate(self.sequence(spec.get("tolerations"), "spec.tolerations"), 1):
            field = f"spec.tolerations {at}"
            read = self.mapping(one, field)
            operator = str(read.get("operator") or "Equal")
            if operator not in {"Equal", "Exists"}:
                raise self.error(field, f"operator {operator!r}: Equal and Exists are known")
            key = str(read.get("key") or "")
            if not key and operator == "Equal":
                raise self.error(field, "without a key the operator has to be Exists")
            found.append(
                Toleration(
                    key,
                    "Exists" if operator == "Exists" else "Equal",
                    str(read.get("value") or ""),
                    str(read.get("effect") or ""),
                )
            )
        return tuple(found)

    def separations(self, spec: Spec) -> tuple[Separation, ...]:
        """Required anti-affinity between pods, and spreads that forbid scheduling."""
        affinity = self._affinity(spec)
        together = self.mapping(affinity.get("podAffinity"), "spec.affinity.podAffinity")
        if together.get("requiredDuringSchedulingIgnoredDuringExecution"):
            raise self.error(
                "spec.affinity.podAffinity",
                "pods required to be together are not packed; name the zone or the node label "
                "that they share in nodeSelector, or make it a preference",
            )
        apart = self.mapping(affinity.get("podAntiAffinity"), "spec.affinity.podAntiAffinity")
        for which, name in ((together, "affinity"), (apart, "anti-affinity")):
            if which.get("preferredDuringSchedulingIgnoredDuringExecution"):
                self.notes.append(f"preferred pod {name}")
        field = "spec.affinity.podAntiAffinity"
        terms = self.sequence(apart.get("requiredDuringSchedulingIgnoredDuringExecution"), field)
        spreads = self.sequence(
            spec.get("topologySpreadConstraints"), "spec.topologySpreadConstraints"
        )
        found = [self._apart(one, f"{field} {at}") for at, one in enumerate(terms, 1)]
        for at, one in enumerate(spreads, 1):
            spread = self._spread(one, f"spec.topologySpreadConstraints {at}")
            found += [] if spread is None else [spread]
        return tuple(found)

    def _affinity(self, spec: Spec) -> Spec:
        return self.mapping(spec.get("affinity"), "spec.affinity")

    def _topology(self, read: Spec, field: str) -> Literal["hostname", "zone"]:
        key = str(read.get("topologyKey"))
        if key not in TOPOLOGIES:
            raise self.error(
                field, f"topologyKey {key!r}: only {HOSTNAME} and {ZONE} can be honoured"
            )
        return TOPOLOGIES[key]

    def _apart(self, term: object, field: str) -> Separation:
        read = self.mapping(term, field)
        if read.get("matchLabelKeys") or read.get("mismatchLabelKeys"):
            raise self.error(field, "matchLabelKeys and mismatchLabelKeys cannot be honoured")
        named = tuple(str(one) for one in self.sequence(read.get("namespaces"), field))
        chosen = read.get("namespaceSelector")
        if chosen not in (None, {}):
            raise self.error(field, "a namespaceSelector on labels cannot be honoured; name them")
        namespaces = ("*",) if chosen == {} else named
        return Separation(self._topology(read, field), self._selector(read, field), namespaces)

    def _spread(self, value: object, field: str) -> Separation | None:
        read = self.mapping(value, field)
        if read.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            self.notes.append("spread that schedules anyway")
            return None
        for name in ("minDomains", "nodeTaintsPolicy"):
            if read.get(name) not in (None, 1, "Ignore"):
                raise self.error(field, f"{name} cannot be honoured")
        if read.get("nodeAffinityPolicy") not in (None, "Honor"):
            raise self.error(field, "nodeAffinityPolicy other than Honor cannot be honoured")
        skew = read.get("maxSkew")
        if not isinstance(skew, int) or isinstance(skew, bool) or skew < 1:
            raise self.error(field, f"maxSkew {skew!r}: a whole number from 1 up is wanted")
        same = tuple(
            Expression(str(key), "In", (self._labels[key],))
            for key in self.sequence(read.get("matchLabelKeys"), field)
            if key in self._labels
        )
        selector = (*self._selector(read, field), *same)
        return Separation(self._topology(read, field), selector, (), skew, is_spread=True)

    def _selector(self, read: Spec, field: str) -> tuple[Expression, ...]:
        """A label selector; one that is absent selects no pod, an empty one selects all."""
        if read.get("labelSelector") is None:
            return (Expression("-", "In", ()),)
        selector = self.mapping(read["labelSelector"], field)
        labels = self.mapping(selector.get("matchLabels"), field)
        expressions = self.sequence(selector.get("matchExpressions"), field)
        return (
            *(Expression(key, "In", (str(labels[key]),)) for key in sorted(labels)),
            *(self.expression(one, field, POD_OPERATORS) for one in expressions),
        )
