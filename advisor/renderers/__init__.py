"""The ranked choice in the words of every tool but Karpenter that buys machines.

One module per output. Each takes offerings, best first, and gives a plain structure or a text,
and the sentences that its format has no room for.
"""
