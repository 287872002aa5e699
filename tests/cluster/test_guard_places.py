"""Replacements stand where the guard says, though Karpenter would buy elsewhere."""

from tests.support.rig import pool_of
from tests.support.stage import BAD, SAFE, SETTINGS, Stage, tell


def is_elsewhere(stage: Stage) -> bool:
    return {pool_of(one)[:2] for one in stage.rig.nodes()} == {("g5.xlarge", "use1-az4")}


def test_with_claims_of_its_own_the_pool_at_risk_is_left_though_it_is_the_cheapest(
    stage: Stage,
) -> None:
    nodes = stage.serve(4, settings=SETTINGS)
    stage.turn(0.9, BAD)
    stage.turn(0.01, SAFE)
    guard = stage.guard("guard", "--claims", "always")

    stage.wait(lambda: stage.are_over(nodes), "four nodes handed over")

    guard.stop()
    tell(f"handed over by {sorted({str(row['mechanism']) for row in stage.history()})}")
    assert is_elsewhere(stage)
    assert {str(row["mechanism"]) for row in stage.history()} == {"claim-and-surge"}
    assert stage.least_ready == 4
    assert (stage.ours(), stage.replicas()) == ([], 4)


def test_a_claim_that_finds_no_machine_gives_way(stage: Stage) -> None:
    nodes = stage.serve(1, settings=SETTINGS)
    stage.turn(0.9, BAD)
    stage.turn(0.01, SAFE)
    stage.rig.sell_out(SAFE)
    guard = stage.guard("guard", "--claims", "always")

    # Nothing but the pool at risk is left, and a node of it is what Karpenter brings.
    stage.wait(lambda: stage.are_over(nodes), "handed over")

    guard.stop()
    assert stage.least_ready == 1
    assert (stage.ours(), stage.replicas()) == ([], 1)
    claims = stage.rig.api.every("karpenter.sh/v1", "NodeClaim")
    assert len(claims) == len(stage.rig.nodes()) == 1
