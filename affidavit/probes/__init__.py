"""Probes: short conversations, written as data in `openapi/<provider>/probes.yaml`, that produce evidence."""
