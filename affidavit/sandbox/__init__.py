"""The embedded sandbox: a faithful local imitation of each provider. Never import the checks here."""
