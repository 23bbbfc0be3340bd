"""Affidavit holds a messaging API to its documentation."""

__version__ = "0.1.0"
