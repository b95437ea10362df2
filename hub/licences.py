"""Licences of models, and of what they were trained from: what contradicts, what is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.errors import PublishingError
from registry.errors import RegistryError
from registry.manifest import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.catalogue import Catalogue
    from registry.manifest import Manifest, Parent


class Rule(NamedTuple):
    """What a model may be published under that was trained from something.

    Attributes
    ----------
    condition
        What the licences ask for.
    licences
        Patterns of SPDX identifiers; the first rule that fits counts.
    allowed
        Patterns of the licences that keep the condition.
    """

    condition: str
    licences: tuple[str, ...]
    allowed: tuple[str, ...]


_GPL = ("GPL-*", "AGPL-*")
RULES = (
    Rule("no derivatives", ("CC-BY-ND-*", "CC-BY-NC-ND-*"), ()),
    Rule("not commercial, share alike", ("CC-BY-NC-SA-*",), ("CC-BY-NC-SA-*",)),
    Rule("not commercial", ("CC-BY-NC-*",), ("CC-BY-NC-*",)),
    Rule("share alike", ("CC-BY-SA-*",), ("CC-BY-SA-*", "GPL-3.0-*")),
    Rule("copyleft", _GPL, _GPL),
    Rule(
        "weak copyleft",
        ("LGPL-*", "MPL-*", "EPL-*", "ODbL-*"),
        ("LGPL-*", "MPL-*", "EPL-*", "ODbL-*", *_GPL),
    ),
    Rule(
        "none, or attribution",
        (
            *("MIT", "MIT-0", "BSD-*", "Apache-2.0", "ISC", "Zlib", "BSL-1.0", "CC0-1.0"),
            *("CC-BY-[0-9]*", "Unlicense", "0BSD", "PDDL-1.0", "ODC-By-1.0"),
        ),
        ("*",),
    ),
)


@dataclass(frozen=True)
class Ancestor:
    """Something that a model was trained from.

    Attributes
    ----------
    label
        ``name@version``, or what else is known.
    licence
        Its licence; empty if it is not known on this machine.
    """

    label: str
    licence: str


def ancestors(
    names: Catalogue,
    parents: Iterable[Parent],
    training: dict[str, Any],
    teacher: dict[str, Any] | None = None,
) -> tuple[Ancestor, ...]:
    """Return all that a model was trained from, as far as this machine knows it.

    Parameters
    ----------
    names
        Knows the manifests of versions.
    parents
        The parents in its manifest.
    training
        The section of its card about the training, which also names data.
    teacher
        The section of its card about the model from which it was distilled.
    """
    found = {each: None for parent in parents for each in _line(names, parent, set())}
    place = (training.get("parent") or {}).get("directory")
    if place:
        found[Ancestor(f"a model in a folder {place}", "")] = None
    data = training.get("data") or {}
    if data.get("dataset_digest"):
        manifest = _manifest(names, str(data["dataset_digest"]))
        label = str(data.get("dataset", "a dataset"))
        found[Ancestor(label, manifest.licence if manifest else "")] = None
    if teacher:
        found[Ancestor(f"the teacher {teacher.get('name')}", str(teacher.get("licence", "")))] = (
            None
        )
    return tuple(found)


def licence_notes(licence: str, origins: Iterable[Ancestor], reason: str = "") -> list[str]:
    """Return what the card has to say about the licences of what a model was trained from.

    Parameters
    ----------
    licence
        The licence to publish it under.
    origins
        What it was trained from.
    reason
        Why the licence is right although it contradicts others.

    Raises
    ------
    PublishingError
        If the licence contradicts one of these and no reason is given.
    """
    notes, contradicted = [], []
    for each in origins:
        rules = _rules(each.licence)
        if rules is None:
            stated = f" ('{each.licence}')" if each.licence else ""
            notes.append(f"{each.label}, which it was trained from, has no known licence{stated}")
        elif conditions := [rule.condition for rule in rules if rule.allowed != ("*",)]:
            under = f"{each.label}, which it was trained from, is under {each.licence}"
            notes.append(f"{under} ({', '.join(conditions)})")
            if not _allows(each.licence, licence):
                contradicted.append(each)
    if contradicted and not reason:
        raise _contradiction(licence, contradicted)
    if contradicted:
        notes.append(f"it is published under {licence} because {reason.strip().rstrip('.')}")
    return notes


def canonical(licence: str) -> str:
    """Return an SPDX expression as SPDX writes it, and anything else unchanged."""
    from license_expression import ExpressionError

    try:
        return str(_spdx().parse(licence, validate=True) or licence)
    except ExpressionError:
        return licence


def _line(names: Catalogue, parent: Parent, known: set[str]) -> Iterator[Ancestor]:
    """Yield a parent and all its own parents of which this machine has the manifests."""
    if parent.digest in known:
        return
    known.add(parent.digest)
    manifest = _manifest(names, parent.digest)
    card = names.builtin.cards.get(parent.name)
    licence = manifest.licence if manifest else card.licence if card else ""
    yield Ancestor(f"{parent.name}@{parent.version}", licence)
    for each in manifest.parents if manifest else ():
        yield from _line(names, each, known)


def _manifest(names: Catalogue, digest: str) -> Manifest | None:
    """Return a manifest that is on this machine or ships with the package."""
    for registry in (names.local.own, names.builtin.shipped):
        try:
            return parse_manifest(registry.manifest_bytes(digest))
        except RegistryError:
            continue  # it is not there
    return None


def _contradiction(licence: str, contradicted: Iterable[Ancestor]) -> PublishingError:
    lines = []
    for each in contradicted:
        rules = [rule for rule in _rules(each.licence) or () if rule.allowed != ("*",)]
        allowed = dict.fromkeys(pattern for rule in rules for pattern in rule.allowed)
        kept = f"met by {', '.join(allowed)}" if allowed else "met by no licence"
        conditions = ", ".join(rule.condition for rule in rules)
        lines.append(f"{each.label} is under {each.licence} ({conditions}; {kept})")
    return PublishingError(
        f"the licence {licence} contradicts what the model was trained from: {'; '.join(lines)}",
        "Choose another --license, or say why this one is valid: --license-reason TEXT, which is "
        "shown on the card.",
    )


def _allows(origin: str, licence: str) -> bool:
    """Whether what is trained from something may be published under a licence."""
    offered = _alternatives(licence)
    if offered is None:
        return True  # a licence of one's own; nobody can tell
    choices = _alternatives(origin) or []

    def keeps(identifiers: frozenset[str]) -> bool:
        """Whether, under one choice of the origin's licences, each offered one keeps all."""
        rules = [rule for each in identifiers if (rule := _rule(each))]
        return all(
            any(_fits(each, rule.allowed) for each in offer) for rule in rules for offer in offered
        )

    return any(map(keeps, choices))


def _rules(licence: str) -> list[Rule] | None:
    """Return the rules of the licences in an expression; None if one of them is unknown."""
    alternatives = _alternatives(licence)
    if not alternatives:
        return None
    found = {each: _rule(each) for choice in alternatives for each in sorted(choice)}
    rules = [rule for rule in found.values() if rule is not None]
    return list(dict.fromkeys(rules)) if len(rules) == len(found) else None


def _rule(identifier: str) -> Rule | None:
    return next((rule for rule in RULES if _fits(identifier, rule.licences)), None)


def _fits(identifier: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(identifier, pattern) for pattern in patterns)


@cache
def _alternatives(licence: str) -> list[frozenset[str]] | None:
    """Return the choices that an SPDX expression offers, each a set of identifiers to keep.

    None if it is not an expression of SPDX identifiers.
    """
    from boolean import AND, OR
    from license_expression import ExpressionError, LicenseWithExceptionSymbol

    try:
        parsed = _spdx().parse(licence, validate=True, strict=False)
    except ExpressionError:
        return None

    def choices(node: Any) -> list[frozenset[str]]:
        if isinstance(node, OR):
            return [choice for each in node.args for choice in choices(each)]
        if isinstance(node, AND):
            joined: list[frozenset[str]] = [frozenset()]
            for each in node.args:
                joined = [one | other for one in joined for other in choices(each)]
            return joined
        if isinstance(node, LicenseWithExceptionSymbol):
            return [frozenset({str(node.license_symbol.key)})]
        return [frozenset({str(node.key)})]

    return choices(parsed) if parsed is not None else None


@cache
def _spdx() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()
