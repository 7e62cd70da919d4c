"""Ids that are made for records without one, kept apart from those of other sources."""

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
    """Which source the ids are made of that begin with a stem, as in `news:1`, in an index and in what is added to it.

    `known` is what the index says of that. Ids of a stem that it does not know may still be there, from an earlier
    format or given by a record: those are asked for one by one.
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
        """What an index is to remember: the known ones, and those of what was looked at since."""
        return self._known | self._made

    def require_free(self, ids: Iterable[str], held: Callable[[Sequence[str]], Collection[str]], place: Path) -> None:
        """Raise InputError, with the cure, where a made id among the ids could be that of another source's record.

        `held` returns those of some ids that the index at `place` holds. A prefix that the user chose is theirs as
        given ids are: it replaces.
        """
        of_stem: dict[str, list[str]] = defaultdict(list)
        for made in ids:
            if isinstance(made, MadeId):
                of_stem[made.stem].append(made)
        for stem, made_ids in of_stem.items():
            name, origin = self._names[stem], self._origins[stem]
            cure = (
                "keep them apart with --id-prefix NAME, or name the field of the ids with --id-field "
                f"(--id-prefix {stem} replaces: right if it is the same source that has moved)"
            )
            if self._id_scheme != ID_SCHEME_VERSION:
                raise InputError(
                    f"{place}: makes ids by scheme {self._id_scheme}, this program by scheme {ID_SCHEME_VERSION}; "
                    f"the records of {name} have none: name the field of their ids with --id-field"
                )
            if self._prefix is None and stem in self._known:
                if self._known[stem] != origin or origin == _STREAM:
                    raise InputError(
                        f"{name}: its records would get ids such as {made_ids[0]}, and in {place} such ids are those "
                        f"of another source, {self._known[stem]}; {cure}"
                    )
            elif self._prefix is None and (meeting := held(made_ids)):
                raise InputError(
                    f"{name}: its records would get ids such as {min(meeting)}, which {place} holds already, nobody "
                    f"knows from where; {cure}"
                )
            self._made[stem] = origin

    def gone(
        self,
        lines: Mapping[str, Collection[int]],
        bad: Iterable[tuple[str, int]],
        held: Callable[[Sequence[str]], Collection[str]],
    ) -> list[str]:
        """Return the ids of records that sources which the index knows have no more: those of an earlier version.

        `lines` are those of each stem's records, `bad` names and lines of records that could not be read: what the
        index holds of these stays.
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
    """Return what ids are to begin with. Raises InputError where it is blank or holds white space."""
    prefix = readable_name(prefix)
    if not prefix or prefix.split() != [prefix]:
        raise InputError(f"--id-prefix {prefix!r}: is blank or holds white space, which no id of a TREC file may")
    return prefix


def _origin(source: Source) -> str:
    """Return what makes two sources the same: where a file lies, the name of a data set; streams are never the same."""
    if source.path is None:
        return _STREAM if source.name == STDIN else source.name
    return readable_name(str(source.path.resolve())) if source.path.is_file() else _STREAM


def _with_stems_apart(sources: Sequence[Source], known: Mapping[str, str]) -> list[Source]:
    """Return the sources with stems of their own: the one that is known of a source, else its file's.

    Where several agree, their folders' names come in front. A source that is named twice keeps its stem, so that its
    records are told to be the same.
    """
    by_origin = {origin: stem for stem, origin in known.items() if origin != _STREAM}
    # Streams are apart by their names: - and a pipe.
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
    """Return for each source, in its order, the shortest piece of its path that no other has."""
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
    """Return the names of the folders that a file lies in; of a data set, its name's parts."""
    if source.path is not None:
        return [_one_word(part) for part in source.path.resolve().parent.parts[1:]]
    return source.name.removeprefix(HUB_PREFIX).split("/")


def _one_word(name: str) -> str:
    return "_".join(readable_name(name).split())
