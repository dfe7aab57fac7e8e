"""YAML files read with the line of every key, and the problems found in them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands: the file as seen from the project's root, and the line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a data file, in words an editor of that file understands."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class Unloadable(Exception):
    """The data files hold problems; nothing was loaded."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Record(dict[str, Any]):
    """A YAML mapping that knows where it and its keys stand."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}
        self.repeated: list[tuple[str, int]] = []

    def place(self, key: str | None = None) -> Place:
        """Return where a key stands; the mapping itself when the key is missing."""
        return Place(self.file, self.lines.get(key, self.line) if key is not None else self.line)

    def put(self, key: str, value: Any, line: int) -> None:
        """Set a key with its line; a second one of the same name is remembered as an error."""
        if key in self.lines:
            self.repeated.append((key, line))
        self[key] = value
        self.lines[key] = line


class Sequence(list[Any]):
    """A YAML list that knows where its items stand."""

    def __init__(self, values: Iterable[Any] = (), lines: Iterable[int] = ()) -> None:
        super().__init__(values)
        self.lines = list(lines)


def _loader(file: str) -> type[yaml.CSafeLoader]:
    """Return a safe loader whose mappings and lists carry line numbers."""

    class Loader(yaml.CSafeLoader):
        pass

    def construct_record(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> Record:
        record = Record(file, node.start_mark.line + 1)
        for key, value in node.value:
            name = str(loader.construct_object(key, deep=True))
            record.put(name, loader.construct_object(value, deep=True), key.start_mark.line + 1)
        return record

    def construct_sequence(loader: yaml.CSafeLoader, node: yaml.SequenceNode) -> Sequence:
        values = [loader.construct_object(item, deep=True) for item in node.value]
        return Sequence(values, [item.start_mark.line + 1 for item in node.value])

    Loader.add_constructor("tag:yaml.org,2002:map", construct_record)
    Loader.add_constructor("tag:yaml.org,2002:seq", construct_sequence)
    return Loader


@dataclass
class Book:
    """The data files of one load: what was read, which names are known, what is wrong."""

    root: Path
    problems: list[Problem] = field(default_factory=list)
    # Kind of thing → key → where it is defined.
    known: dict[str, dict[str, Place]] = field(default_factory=dict)

    def read(self, path: str) -> Record:
        """Return the mapping a file holds; an empty one, and a problem, when it holds none."""
        try:
            with (self.root / path).open("rb") as stream:
                content = yaml.load(stream, Loader=_loader(path))  # noqa: S506 — a subclass of the safe loader
        except FileNotFoundError:
            return self._nothing(path, 1, "the file is missing")
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            return self._nothing(path, line, f"not readable as YAML: {error.problem or error.context}")
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            return self._nothing(path, 1, f"not readable as YAML: {error}")
        if not isinstance(content, Record):
            return self._nothing(path, 1, "the file must hold a mapping")
        return content

    def problem(self, place: Place, reason: str) -> None:
        """Note something wrong and go on."""
        self.problems.append(Problem(place, reason))

    def define(self, kind: str, key: str, place: Place) -> bool:
        """Make a key known; say so when it is there already."""
        names = self.known.setdefault(kind, {})
        if key in names:
            self.problem(place, f"duplicate {kind} {key!r}, first in {names[key]}")
            return False
        names[key] = place
        return True

    def knows(self, kind: str, key: str) -> bool:
        """Return whether a key of this kind was defined."""
        return key in self.known.get(kind, {})

    def stop_if_wrong(self) -> None:
        """Raise `Unloadable` with every problem at once."""
        if self.problems:
            raise Unloadable(self.problems)

    def _nothing(self, path: str, line: int, reason: str) -> Record:
        self.problem(Place(path, line), reason)
        return Record(path, line)


def digest(root: Path, folders: Iterable[str]) -> str:
    """Return the SHA-256 of the names and bytes of every data file in the folders."""
    total = hashlib.sha256()
    for folder in sorted(folders):
        for path in sorted((root / folder).rglob("*.yaml")):
            total.update(f"{path.relative_to(root).as_posix()}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
