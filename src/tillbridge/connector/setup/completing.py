"""Answers that come all at once, out of a file: the same questions and checks as for a person, with lines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.checks import Around, Seen, Wrong
from tillbridge.connector.setup.questions import QUESTIONS, Question, Shape
from tillbridge.runtime.settings.secret_values import hash_password
from tillbridge.runtime.settings.yaml_file import Problem
from tillbridge.web.language import Catalogue


@dataclass(frozen=True, slots=True)
class Given:
    """An answer, with its line and the name it has in the file. `hashed` says that a password is its hash already."""

    text: str = field(repr=False)
    line: int
    path: str
    hashed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Something about an answer that was taken, and that somebody should know."""

    line: int
    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Completed:
    """All answers, the secrets among them by themselves, and the keys of those that nobody gave."""

    answers: Answers
    secrets: Mapping[Key, str] = field(repr=False)
    usual: tuple[Key, ...]
    notes: tuple[Said, ...]


class _Walk:
    def __init__(self, given: Mapping[Key, Given], around: Around, texts: Catalogue) -> None:
        self.given = given
        self.around = around
        self.texts = texts
        self.answers = Answers()
        self.secrets: dict[Key, str] = {}
        self.usual: list[Key] = []
        self.notes: list[Said] = []
        self.problems: list[Problem] = []

    def walk(self, missing_line: Mapping[Key, int]) -> None:
        for question in QUESTIONS:
            given = self.given.get(question.key)
            if not question.when(self.answers):
                if given is not None:
                    self._problem(given.line, given.path, "wrong.not_asked")
            elif given is None:
                self._take_usual(question, missing_line.get(question.key, 1))
            else:
                self._take(question, given)

    def _take_usual(self, question: Question, line: int) -> None:
        seen = Seen(self.answers, self.around)
        try:
            answer = question.check("" if question.shape is Shape.SECRET else question.usual(seen), seen)
        except Wrong:
            self._problem(line, question.key, "wrong.missing", question=self.texts(f"ask.{question.key}"))
            return
        self.usual.append(question.key)
        self._put(question, answer, Given("", 0, question.key))

    def _take(self, question: Question, given: Given) -> None:
        seen = Seen(self.answers, self.around)
        try:
            answer = given.text if given.hashed else question.check(given.text, seen)
        except Wrong as wrong:
            self._problem(given.line, given.path, wrong.key, **wrong.fields)
            return
        self._put(question, answer, given)

    def _put(self, question: Question, answer: str, given: Given) -> None:
        note = question.note(answer, Seen(self.answers, self.around)) if given.line else None
        if note is not None:
            self.notes.append(Said(given.line, given.path, self.texts(note)))
        if question.key is Key.API_PASSWORD and not given.hashed:
            answer = hash_password(answer)
        elif question.shape is Shape.SECRET and answer and question.key is not Key.API_PASSWORD:
            self.secrets[question.key] = answer
            answer = question.key.replace("_", "-")
        self.answers = self.answers.put(question.key, answer)

    def _problem(self, line: int, path: str, key: str, **fields: object) -> None:
        self.problems.append(Problem(line, path, self.texts(key, **fields)))


def complete(
    given: Mapping[Key, Given], around: Around, texts: Catalogue, missing_line: Mapping[Key, int]
) -> Completed | list[Problem]:
    """All answers, with the usual one where none is given; else everything that is wrong or missing.

    `missing_line` says which line to name for an answer that is missing.
    """
    walk = _Walk(given, around, texts)
    walk.walk(missing_line)
    if walk.problems:
        return walk.problems
    return Completed(walk.answers, walk.secrets, tuple(walk.usual), tuple(walk.notes))
