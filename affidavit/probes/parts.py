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


def parts(script: Script, *, whole: bool = False) -> Iterator[Part]:
    """Every probe in its parts, in the order written; `whole` for every probe as one."""
    for probe in script.probes.values():
        if whole:
            yield Part(probe, frozenset(_all_of(probe.after, script)))
        elif probe.apart:
            for steps in _requests(probe):
                part = replace(probe, steps=steps)
                yield Part(part, _before(probe, part.calls, script))
        else:
            yield Part(probe, _before(probe, probe.calls, script))


def _requests(probe: Probe) -> Iterator[tuple[Step, ...]]:
    """The steps up to each request; what comes after the last goes with it."""
    ends = [place for place, step in enumerate(probe.steps, 1) if isinstance(step, Call)]
    for start, end in itertools.pairwise([0, *ends[:-1], len(probe.steps)]):
        yield probe.steps[start:end]


def _before(probe: Probe, calls: Iterable[Call], script: Script) -> frozenset[str]:
    own = {f"{probe.id}/{call.id}" for call in calls}
    saving = savers(probe, script)
    named = {f"{probe.id}/{step}" for call in calls for step in call.after}
    used = {saving[name] for call in calls for name in variables_of(call, script.bodies) if name in saving}
    return frozenset(named | used | set(_state(probe, saving, script))) - own


def _state(probe: Probe, saving: Mapping[str, str], script: Script) -> Iterator[str]:
    """Steps of the probes before this one that matter for what they do, not for what they answer."""
    used = {saving[name] for call in probe.calls for name in variables_of(call, script.bodies) if name in saving}
    answering = {reference.partition("/")[0] for reference in used}
    yield from _all_of((name for name in probe.after if name not in answering), script)


def savers(probe: Probe, script: Script) -> Mapping[str, str]:
    """Variable -> the step whose answer it is taken from; the nearest one, when there are several."""
    found: dict[str, str] = {}
    for name in probe.after:
        found |= savers(script.probes[name], script)
    return found | {name: f"{probe.id}/{call.id}" for call in probe.calls for name in call.save}


def _all_of(names: Iterable[str], script: Script) -> Iterator[str]:
    for name in names:
        yield from references(script.probes[name])
