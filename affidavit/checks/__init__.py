"""Checks: pure functions that hold recorded exchanges against one claim. Never import the sandbox here."""
