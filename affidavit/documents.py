"""Read a provider's files from disk."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from affidavit.catalog import Catalog, read_catalog
from affidavit.errors import CatalogError, UsageError
from affidavit.load.recipe import Recipe, read_recipe
from affidavit.openapi_document import OpenApiDocument
from affidavit.probes.script import Script

ROOT = Path(__file__).resolve().parent.parent
OPENAPI = ROOT / "openapi"
LOAD_FILE = "load.toml"


def providers(folder: Path = OPENAPI) -> list[str]:
    """Names of all providers, in order."""
    return sorted(path.parent.name for path in folder.glob("*/openapi.yaml"))


def load_catalog(provider: str, folder: Path = OPENAPI) -> Catalog:
    """Everything known of one provider. Raises UsageError for an unknown one, CatalogError for a bad file."""
    if provider not in providers(folder):
        raise UsageError(
            f"unknown provider {provider!r}: expected one of {', '.join(providers(folder))}; "
            "name one of them with --provider"
        )
    home = folder / provider
    claims = home / "claims.yaml"
    return read_catalog(
        provider,
        openapi=_yaml(home / "openapi.yaml"),
        claims=_yaml(claims),
        probes=_yaml(home / "probes.yaml"),
        profile=_toml(home / "profile.toml"),
        claim_lines=_lines(claims),
    )


def catalog_without_claims(provider: str) -> Catalog:
    """What is known of a provider that is only measured; of several together, or of any address, only a name."""
    if provider in providers():
        return replace(load_catalog(provider), claims={})
    profile = replace(load_catalog(providers()[0]).profile, provider=provider, title=provider)
    return Catalog(provider, OpenApiDocument({}), {}, Script({}, {}), profile, "", {})


def load_recipe(catalog: Catalog, folder: Path = OPENAPI) -> Recipe:
    """What load scenarios ask of a provider. Raises CatalogError."""
    return read_recipe(_toml(folder / catalog.provider / LOAD_FILE), catalog)


def digests(provider: str, folder: Path = OPENAPI) -> dict[str, str]:
    """SHA-256 of each of the provider's files, to tell what a record was judged by; `load.toml` judges nothing."""
    found = (path for path in (folder / provider).iterdir() if path.suffix in {".yaml", ".toml"})
    files = sorted(path for path in found if path.name != LOAD_FILE)
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files}


def _yaml(path: Path) -> Any:  # noqa: ANN401 - any YAML value
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except (OSError, yaml.YAMLError) as problem:
        raise CatalogError(f"openapi/{path.parent.name}/{path.name} cannot be read: {problem}") from problem


def _toml(path: Path) -> Any:  # noqa: ANN401 - any TOML value
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise CatalogError(f"openapi/{path.parent.name}/{path.name} cannot be read: {problem}") from problem


def _lines(path: Path) -> dict[str, int]:
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip().removeprefix("- ").removeprefix("{")
        if text.startswith("id:"):
            found[text.removeprefix("id:").split(",")[0].strip()] = number
    return found
