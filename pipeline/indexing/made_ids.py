"""Ids made for records without one, kept distinct between sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from claimhound.data.disk.file_systems import readable_name
from claimhound.data.errors import InputError
from claimhound.data.formats.fields import ID_SCHEME_VERSION, MadeId
from claimhound.data.formats.sources import HUB_PREFIX, STDIN, Source

_STREAM = "a stream that was read once"
_LOOKED_AT_ONCE = 10_000


class MadeIds:
    """The source of each stem of made ids, such as `news` in `news:1`, in an index and in sources being added.

    `known` is the index's own record of that. Ids with an unknown stem may still be in the index, from an earlier
    format or as a record's own id, so they are looked up one by one.
    """

    def __init__(
        self, sources: Sequence[Source], known: Mapping[str, str] | None, *, prefix: str | None, id_scheme: int
    ) -> None:
        self._known = dict(known or {})
        self._prefix = prefix
        self._id_scheme = id_scheme
        self._made: dict[str, str] = {}
        if prefix is None:
            self.sources = _with_stems_apart(sources, self._known)
        else:
            self.sources = [replace(source, stem=usable_prefix(prefix)) for source in sources]
        self._origins = {source.stem: _origin(source) for source in self.sources}
        self._names = {source.stem: source.name for source in self.sources}

    @property
    def by_stem(self) -> dict[str, str]:
        """The source of each stem, for the index to record."""
        return self._known | self._made

    def require_free(self, ids: Iterable[str], held: Callable[[Sequence[str]], Collection[str]], place: Path) -> None:
        """Raise InputError if a made id may already belong to another source's record.

        `held` returns which of some ids are in the index at `place`. Ids with a prefix chosen by the user replace
        others, as a record's own ids do.
        """
        of_stem: dict[str, list[str]] = defaultdict(list)
        for made in ids:
            if isinstance(made, MadeId):
                of_stem[made.stem].append(made)
        for stem, made_ids in of_stem.items():
            name, origin = self._names[stem], self._origins[stem]
            cure = (
                "keep them apart with --id-prefix NAME, or name the id field with --id-field "
                f"(if it is the same source, moved, replace its records with --id-prefix {stem})"
            )
            if self._id_scheme != ID_SCHEME_VERSION:
                raise InputError(
                    f"{place}: uses id scheme {self._id_scheme}, this program id scheme {ID_SCHEME_VERSION}; "
                    f"the records of {name} have no ids: name their id field with --id-field"
                )
            if self._prefix is None and stem in self._known:
                if self._known[stem] != origin or origin == _STREAM:
                    raise InputError(
                        f"{name}: its records would get ids such as {made_ids[0]}, but in {place} these belong "
                        f"to another source, {self._known[stem]}; {cure}"
                    )
            elif self._prefix is None and (meeting := held(made_ids)):
                raise InputError(
                    f"{name}: its records would get ids such as {min(meeting)}, which {place} already holds, from an "
                    f"unknown source; {cure}"
                )
            self._made[stem] = origin

    def gone(
        self,
        lines: Mapping[str, Collection[int]],
        bad: Iterable[tuple[str, int]],
        held: Callable[[Sequence[str]], Collection[str]],
    ) -> list[str]:
        """Return the ids in the index of records that are gone from the current version of a known source.

        `lines` maps stems to the lines of their records. `bad` has the names and lines of records that could not be
        read, whose earlier versions stay.
        """
        stems = {name: stem for stem, name in self._names.items()}
        kept: dict[str, set[int]] = defaultdict(set)
        for name, line in bad:
            if name in stems:
                kept[stems[name]].add(line)
        found: list[str] = []
        for stem, there in lines.items():
            if self._prefix is not None or self._known.get(stem) != self._origins[stem]:
                continue
            stay = kept[stem].union(there)
            last = max(stay)
            found += held([f"{stem}:{line}" for line in range(1, last) if line not in stay])
            while behind := held([f"{stem}:{line}" for line in range(last + 1, last + _LOOKED_AT_ONCE)]):
                found += behind
                last += _LOOKED_AT_ONCE
        return sorted(found)


def usable_prefix(prefix: str) -> str:
    """Return the prefix in readable form. Raises InputError if it is blank or contains white space."""
    prefix = readable_name(prefix)
    if not prefix or prefix.split() != [prefix]:
        raise InputError(f"--id-prefix {prefix!r}: is blank or contains white space, which TREC files do not allow")
    return prefix


def _origin(source: Source) -> str:
    """Return what identifies a source: a file's path or a data set's name; two streams are never the same."""
    if source.path is None:
        return _STREAM if source.name == STDIN else source.name
    return readable_name(str(source.path.resolve())) if source.path.is_file() else _STREAM


def _with_stems_apart(sources: Sequence[Source], known: Mapping[str, str]) -> list[Source]:
    """Return the sources with distinct stems: the known one if there is one, otherwise the file's.

    Files with the same stem get their folders' names in front. A source named twice keeps one stem, so its records are
    recognized as duplicates.
    """
    by_origin = {origin: stem for stem, origin in known.items() if origin != _STREAM}
    # Streams are distinguished by name: - and a pipe.
    keys = [source.name if (origin := _origin(source)) == _STREAM else origin for source in sources]
    stems: dict[str, str] = {}
    alike: dict[str, dict[str, Source]] = defaultdict(dict)
    for key, source in zip(keys, sources, strict=True):
        if known.get(source.stem) == key:
            stems[key] = source.stem
        elif key in by_origin:
            stems[key] = by_origin[key]
        else:
            alike[source.stem][key] = source
    taken = set(stems.values())
    for stem, group in alike.items():
        if len(group) > 1 or stem in taken:
            stems |= dict(zip(group, _apart(stem, list(group.values()), taken), strict=True))
    return [replace(source, stem=stems.get(key, source.stem)) for key, source in zip(keys, sources, strict=True)]


def _apart(stem: str, sources: Sequence[Source], taken: set[str]) -> list[str]:
    """Return for each source the shortest end of its path that no other source has."""
    paths = [_folders(source) for source in sources]
    # One folder may hold news.txt and news.csv.
    for names in (
        [stem] * len(sources),
        [_one_word(Path(source.name).name) for source in sources],
    ):
        for depth in range(1, max(map(len, paths)) + 1):
            stems = ["/".join([*folders[-depth:], name]) for folders, name in zip(paths, names, strict=True)]
            if len(set(stems)) == len(stems) and taken.isdisjoint(stems):
                return stems
    return [_one_word(source.name) for source in sources]


def _folders(source: Source) -> list[str]:
    """Return the names of a file's parent folders, or the parts of a data set's name."""
    if source.path is not None:
        return [_one_word(part) for part in source.path.resolve().parent.parts[1:]]
    return source.name.removeprefix(HUB_PREFIX).split("/")


def _one_word(name: str) -> str:
    return "_".join(readable_name(name).split())
