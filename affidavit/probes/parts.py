"""Which steps of the probes can be asked without the rest, and what each of these parts comes after.

A probe is one part, unless its steps stand apart: then each request is one, with the waits and controls before it. A
part comes after the steps that save what its requests are filled from. Where a probe says that it comes after another
whose answers none of its requests use, it means what the other has done, so its parts come after the whole of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from affidavit.probes.script import Call, Probe, Script, Step, variables_of


@dataclass(frozen=True)
class Part:
    """Steps of one probe that are asked together."""

    probe: Probe
    """With these steps alone."""
    after: frozenset[str]
    """References of the steps that must have been asked before."""

    @property
    def steps(self) -> tuple[str, ...]:
        """References of its own steps."""
        return references(self.probe)


def references(probe: Probe) -> tuple[str, ...]:
    """`probe/step` of each request."""
    return tuple(f"{probe.id}/{call.id}" for call in probe.calls)


def filled_from(script: Script) -> Mapping[str, frozenset[str]]:
    """Step -> the steps that save what its request is filled from; the nearest ones, when there are several."""
    found: dict[str, frozenset[str]] = {}
    for probe in script.probes.values():
        saving = _savers(probe, script)
        for call in probe.calls:
            used = variables_of(call, script.bodies)
            found[f"{probe.id}/{call.id}"] = frozenset(saving[name] for name in used if name in saving)
    return found


def parts(script: Script, sources: Mapping[str, frozenset[str]], *, whole: bool = False) -> Iterator[Part]:
    """Every probe in its parts, in the order written; `whole` for every probe as one. `sources` as in `filled_from`."""
    for probe in script.probes.values():
        if whole:
            yield Part(probe, frozenset(_all_of(probe.after, script)))
            continue
        state = frozenset(_state(probe, sources, script))
        for steps in _requests(probe) if probe.apart else [probe.steps]:
            asked = replace(probe, steps=steps)
            own = references(asked)
            named = {f"{probe.id}/{step}" for call in asked.calls for step in call.after}
            used = frozenset[str]().union(*(sources[name] for name in own))
            yield Part(asked, (used | named | state).difference(own))


def _requests(probe: Probe) -> Iterator[tuple[Step, ...]]:
    """The steps up to each request; what comes after the last goes with it."""
    ends = [place for place, step in enumerate(probe.steps, 1) if isinstance(step, Call)]
    for start, end in itertools.pairwise([0, *ends[:-1], len(probe.steps)]):
        yield probe.steps[start:end]


def _state(probe: Probe, sources: Mapping[str, frozenset[str]], script: Script) -> Iterator[str]:
    """Steps of the probes before this one that matter for what they do, not for what they answer."""
    answering = {source.partition("/")[0] for name in references(probe) for source in sources[name]}
    yield from _all_of((name for name in probe.after if name not in answering), script)


def _savers(probe: Probe, script: Script) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in probe.after:
        found |= _savers(script.probes[name], script)
    return found | {name: f"{probe.id}/{call.id}" for call in probe.calls for name in call.save}


def _all_of(names: Iterable[str], script: Script) -> Iterator[str]:
    for name in names:
        yield from references(script.probes[name])
