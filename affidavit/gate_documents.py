"""`affidavit gate --documents`: two OpenAPI documents, from files, from a record, or from the target itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from affidavit.catalog import Catalog
from affidavit.documents import OPENAPI, load_catalog
from affidavit.errors import TargetError, UsageError
from affidavit.exchange import Response
from affidavit.gate.difference import Difference
from affidavit.gate.documents import compare_documents
from affidavit.keys import chosen
from affidavit.openapi_document import Operation
from affidavit.probes.flow import Send
from affidavit.recorder import read_run, record_at
from affidavit.session import Settings, open_session

_PUBLISHED = re.compile(r"/(openapi|swagger)[^/{}]*", re.IGNORECASE)


def compared(
    paths: tuple[Path, ...], provider: str, target: str | None, keys: Path | None
) -> tuple[str, list[Difference]]:
    """A title and the differences: of two files; of one and ours; of ours and what the target publishes.

    Raises UsageError for what is no document, TargetError when the target publishes none.
    """
    if len(paths) > 2:
        raise UsageError(f"--documents compares two documents, got {len(paths)}: name an old and a new one")
    if len(paths) < 2 and not provider:
        raise UsageError("--documents needs two documents, or a --provider whose document is the other one")
    names = [str(path) for path in paths]
    found = [_read(path) for path in paths]
    if provider and len(paths) < 2:
        catalog = load_catalog(provider)
        ours = str(OPENAPI.name) + f"/{provider}/openapi.yaml"
        names = [*names, ours]
        found = [*found, catalog.openapi.data]
        if not paths:
            names.append(f"what {target or 'the embedded sandbox'} publishes")
            found.append(_published(catalog, target, keys))
    return f"{names[0]} against {names[1]}", compare_documents(provider or "documents", found[0], found[1])


def _read(path: Path) -> Mapping[str, Any]:
    """A document from a file, or the one that a recorded answer holds."""
    if path.is_dir() or path.suffix == ".ndjson":
        return _recorded(record_at(path))
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as problem:
        said = str(problem).splitlines()[0]
        raise UsageError(f"{path} cannot be read as YAML or JSON: {said}; name an OpenAPI document") from problem
    if not isinstance(data, Mapping) or "openapi" not in data:
        raise UsageError(f"{path} is no OpenAPI 3 document, which has a field `openapi`: name another file")
    return data


def _recorded(path: Path) -> Mapping[str, Any]:
    for one in read_run(path).exchanges:
        found = one.response and _document_of(one.response)
        if found:
            return found
    raise UsageError(f"{path} holds no answer with an OpenAPI document: name another run, or a file")


def _document_of(response: Response) -> Mapping[str, Any] | None:
    body = response.json
    found = isinstance(body, Mapping) and {"openapi", "paths"} <= body.keys() and not response.truncated
    return body if found else None


def _published(catalog: Catalog, target: str | None, keys: Path | None) -> Mapping[str, Any]:
    """What the target says of itself, asked through the one way out."""
    operation = _own_document(catalog)
    [(_, access)] = chosen((catalog.provider,), target, keys)
    settings = Settings(target=access.target, keys=access.keys, allowed=access.allowed)
    send = Send("gate/document", operation.id, operation.method, operation.template, (), (), None, None)
    with TemporaryDirectory() as folder, open_session(catalog, settings, Path(folder)) as session:
        answer = session.client.one(send)
    found = _document_of(answer) if isinstance(answer, Response) else None
    if found is None:
        got = answer.status if isinstance(answer, Response) else "nothing"
        raise TargetError(f"{operation.template} answered {got} and no OpenAPI document: name a file instead")
    return found


def _own_document(catalog: Catalog) -> Operation:
    for one in catalog.openapi.operations.values():
        if one.method == "GET" and _PUBLISHED.fullmatch(one.template):
            return one
    raise UsageError(f"{catalog.profile.title} documents no place where it publishes its own document: name a file")
