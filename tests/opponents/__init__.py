"""Imitations of the provided APIs, written from their documents alone: no check may flag them."""
