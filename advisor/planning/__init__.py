"""How a changed NodePool reaches a cluster: what would change, which nodes would go, and whether.

Pure throughout: manifests, NodeClaims and a ranking go in, a `plan.Plan` comes out. Import from the
modules: `drift`, `changes`, `merge`, `hysteresis`, `protection`, `budget`, `outlook`, `plan`,
`report`.
"""
