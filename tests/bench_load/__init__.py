"""Measures our load generator beside Locust as it comes and k6, in the same run: `make bench-load`."""
