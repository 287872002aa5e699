"""Manifests for Karpenter: which machines it may buy, written in each provider's own labels.

Rendering is pure: offerings and settings go in, plain dictionaries come out. Import from the
modules: `labels`, `requirements`, `nodepool`, `nodeclass`, `manifests`.
"""
