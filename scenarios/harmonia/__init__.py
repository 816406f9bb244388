"""Harmonia: how far do reads of replicated storage scale when a switch detects conflicts on their path?

Zhu et al., "Harmonia: Near-Linear Scalability for Replicated Storage with In-Network Conflict Detection", PVLDB 13(3).
"""
