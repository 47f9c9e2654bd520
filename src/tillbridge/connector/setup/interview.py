"""Where one stands among the questions: pure, so that every way through it can be walked in a test."""

from dataclasses import dataclass, field, replace

from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.checks import Around, Seen
from tillbridge.connector.setup.questions import BY_KEY, Question, Shape, asked, settled


@dataclass(frozen=True, slots=True)
class Interview:
    """The answers so far, and the question that is put now; `at` None when there is none left."""

    around: Around
    answers: Answers = field(default_factory=Answers)
    at: Key | None = Key.HIPAY_LOGIN

    @classmethod
    def resumed(cls, answers: Answers, around: Around) -> "Interview":
        """The interview goes on at the first question that has no answer yet."""
        kept = settled(answers, around)
        missing = next((question.key for question in asked(kept) if question.key not in kept), None)
        return cls(around, kept, missing)

    @property
    def seen(self) -> Seen:
        """What a check may look at."""
        return Seen(self.answers, self.around)

    @property
    def question(self) -> Question | None:
        """The question that is put now."""
        return None if self.at is None else BY_KEY[self.at]

    @property
    def usual(self) -> str:
        """What Enter alone answers: the earlier answer, else the usual one. Nothing for a secret."""
        question = self.question
        if question is None or question.shape is Shape.SECRET:
            return ""
        return self.answers.get(question.key) if question.key in self.answers else question.usual(self.seen)

    @property
    def place(self) -> tuple[int, int]:
        """The number of this question and how many there are, as far as the answers tell by now."""
        keys = [question.key for question in asked(self.answers)]
        return (len(keys) if self.at is None else keys.index(self.at) + 1), len(keys)

    @property
    def first(self) -> bool:
        """Whether there is nothing to go back to."""
        return self.place[0] == 1 and self.at is not None

    def check(self, text: str) -> str:
        """The answer in its one way of writing it. Raises `checks.Wrong`."""
        question = self.question
        return text if question is None else question.check(text, self.seen)

    def answered(self, answer: str) -> "Interview":
        """The next question, after an answer that `check` gave, or what may be written down of a secret."""
        if self.at is None:
            return self
        given = self.answers.put(self.at, answer)
        if given.on_network != self.answers.on_network:
            given = given.without(Key.TERMINAL_KIND)  # what is usual on a cable is not what is usual in a network
        answers = settled(given, self.around)
        keys = [question.key for question in asked(answers)]
        following = keys.index(self.at) + 1
        return replace(self, answers=answers, at=keys[following] if following < len(keys) else None)

    def back(self) -> "Interview":
        """The question before; the answers stay and are offered again."""
        keys = [question.key for question in asked(self.answers)]
        before = len(keys) - 1 if self.at is None else max(keys.index(self.at) - 1, 0)
        return replace(self, at=keys[before])
