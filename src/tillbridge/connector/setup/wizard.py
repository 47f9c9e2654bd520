"""Asks a person everything, one question at a time, and writes the settings when the person says so."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from tillbridge.connector.setup import finding
from tillbridge.connector.setup.answers import NETWORK, Answers, Key, TerminalKind
from tillbridge.connector.setup.building import build, redacted, written
from tillbridge.connector.setup.checks import Around, Wrong
from tillbridge.connector.setup.finding import Listen, TerminalWaits, Watch, find_line, sign_of_life
from tillbridge.connector.setup.front import Back, Choice, Front, Prompt
from tillbridge.connector.setup.interview import Interview
from tillbridge.connector.setup.progress import Progress
from tillbridge.connector.setup.questions import Question, Shape, settled
from tillbridge.connector.setup.writing import Writer, Written
from tillbridge.domain.errors import BridgeError
from tillbridge.protocols.contract import HealthState
from tillbridge.transports.errors import LineUnavailable
from tillbridge.web.language import Catalogue

PLUG: Final = "@plug"
TYPE: Final = "@type"
FIND: Final = "@find"
"""Choices that are no answers yet: no port and no line is called so."""


class Next(StrEnum):
    """What can follow the last question."""

    WRITE = "write"
    PROBE = "probe"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Wizard:
    """One setup at a screen. `config` is where the settings go if the person says no other folder."""

    front: Front
    texts: Catalogue
    progress: Progress
    config: Path
    around: Around
    writer: Callable[[Path], Writer]
    listen: Listen

    def run(self, *, resume: bool) -> Written | None:
        """The settings that were written; None if the person wants to go on another day. May raise `Stopped`."""
        interview = self._begun(resume=resume)
        while True:
            question = interview.question
            if question is not None:
                interview = self._put(interview, question)
                continue
            self._show(interview.answers)
            match self._next():
                case Back.BACK:
                    interview = interview.back()
                case Next.WRITE:
                    return self._write(interview.answers)
                case Next.PROBE:
                    self._probe(interview.answers)
                case Next.STOP:
                    return None
                case other:
                    assert_never(other)

    # ------------------------------------------------------------ the beginning

    def _begun(self, *, resume: bool) -> Interview:
        self.front.say(self.texts("say.welcome"))
        kept = self.progress.load()
        if kept is None:
            if resume:
                self.front.say(self.texts("say.nothing_to_resume"))
            return Interview(self.around, settled(self.progress.remembered() or Answers(), self.around))
        if resume or self._yes("ask.resume"):
            return Interview.resumed(kept, self.around)
        self.progress.clear()
        return Interview(self.around)

    def _yes(self, key: str) -> bool:
        choices = [Choice(word, self.texts(f"choice.{word}")) for word in ("yes", "no")]
        return self.front.ask(Prompt(self.texts(key), usual="yes", choices=choices, may_go_back=False)) == "yes"

    # ------------------------------------------------------------ one question

    def _put(self, interview: Interview, question: Question) -> Interview:
        answer = self._ask(interview, question)
        if question.shape is Shape.PORT:
            interview = _looking(interview)  # a terminal may have been plugged in meanwhile
        if isinstance(answer, Back):
            return interview.back()
        if question.shape is Shape.SECRET:
            if not answer and interview.answers.get(question.key):
                kept = interview.answers.get(question.key)  # Enter alone: what is stored stays
            else:
                kept = self.progress.keep(question.key, answer)
        else:
            kept = interview.check(answer)
        note = question.note(kept, interview.seen)
        if note is not None:
            self.front.warn(self.texts(note))
        following = interview.answered(kept)
        self.progress.save(following.answers)
        return following

    def _ask(self, interview: Interview, question: Question) -> str | Back:
        match question.shape:
            case Shape.PORT:
                return self._ask_port(interview, question)
            case Shape.LINE:
                return self._ask_line(interview, question)
            case Shape.CHOICE:
                choices = [
                    Choice(value, self._label(question.key, value)) for value in question.choices(interview.answers)
                ]
                return self.front.ask(self._prompt(interview, question, choices))
            case Shape.TEXT | Shape.SECRET:
                return self.front.ask(self._prompt(interview, question))
        assert_never(question.shape)

    def _prompt(self, interview: Interview, question: Question, choices: list[Choice] | None = None) -> Prompt:
        number, count = interview.place
        known = bool(interview.answers.get(question.key))
        secret = question.shape is Shape.SECRET

        def check(text: str) -> str | None:
            if secret and known and not text:
                return None
            try:
                interview.check(text)
            except Wrong as wrong:
                return self.texts(wrong.key, **wrong.fields)
            return None

        help_ = self.texts(f"help.{question.key}") if self.texts.has(f"help.{question.key}") else ""
        if secret and known:
            help_ = f"{help_} {self.texts('say.secret_kept')}".strip()
        title = f"[{number}/{count}] {self.texts(f'ask.{question.key}')}"
        return Prompt(title, help_, interview.usual, choices or (), secret, not interview.first, check)

    def _label(self, key: Key, value: str) -> str:
        name = f"choice.{key}.{value}"
        return self.texts(name) if self.texts.has(name) else self.texts(f"choice.{value}")

    # ------------------------------------------------------------ the terminal's port

    def _ask_port(self, interview: Interview, question: Question) -> str | Back:
        while True:
            found = finding.ports()
            choices = [Choice(port.path, f"{port.path}  {port.description}") for port in found]
            usual = interview.usual
            if usual not in (NETWORK, "", *(port.path for port in found)):
                choices.insert(0, Choice(usual, usual))
            choices += [
                Choice(PLUG, self.texts("choice.plug")),
                Choice(NETWORK, self.texts("choice.network")),
                Choice(TYPE, self.texts("choice.type")),
            ]
            prompt = self._prompt(interview, question, choices)
            match self.front.ask(_taking(prompt, PLUG, TYPE)):
                case "@plug":
                    port = self.front.wait_for(Watch(), self.texts("say.plug_in"))
                    if port is not None:
                        self.front.say(self.texts("say.plugged_in", port=port.path, what=port.description))
                        return port.path
                    self.front.say(self.texts("say.nothing_plugged"))
                case "@type":
                    typed = self.front.ask(self._prompt(interview, question))
                    if not isinstance(typed, Back):
                        return typed
                case answer:
                    return answer

    def _ask_line(self, interview: Interview, question: Question) -> str | Back:
        can_find = interview.answers.get(Key.TERMINAL_KIND) != TerminalKind.MYPOS_XML
        port = interview.answers.get(Key.SERIAL_PORT)
        while True:
            choices = [Choice(value, value) for value in question.choices(interview.answers)]
            if can_find:
                choices.insert(0, Choice(FIND, self.texts("choice.find_line")))
            prompt = self._prompt(interview, question, choices)
            answer = self.front.ask(_taking(prompt, FIND))
            if answer != FIND:
                return answer
            found = self._find_line(port)
            if found is not None:
                return found

    def _find_line(self, port: str) -> str | None:
        def tried(baud_rate: int) -> None:
            self.front.say(self.texts("say.listening", port=port, baud=baud_rate))

        try:
            found = asyncio.run(find_line(port, self.listen, tried))
        except LineUnavailable as error:
            self.front.warn(self.texts("say.no_line", why=error.detail))
            return None
        except TerminalWaits:
            self.front.warn(self.texts("say.terminal_waits"))
            return None
        if found is None:
            self.front.warn(self.texts("say.line_silent"))
            return None
        self.front.say(self.texts("say.line_proven" if found.proven else "say.line_likely", line=found.line))
        return found.line

    # ------------------------------------------------------------ the end

    def _show(self, answers: Answers) -> None:
        names = {key: answers.get(key) for key in self.progress.revealed(answers)}
        self.front.say("")
        self.front.say(self.texts("say.result"))
        self.front.say(written(redacted(build(answers, names)), ""))

    def _next(self) -> Next | Back:
        choices = [Choice(one, self.texts(f"choice.{one}")) for one in Next]
        answer = self.front.ask(Prompt(self.texts("ask.next"), usual=Next.WRITE, choices=choices, check=self._one_of))
        return answer if isinstance(answer, Back) else Next(answer)

    def _one_of(self, text: str) -> str | None:
        return None if text in set(Next) else self.texts("wrong.choice", choices=", ".join(Next))

    def _probe(self, answers: Answers) -> None:
        self.front.say(self.texts("say.probing"))
        (terminal,) = build(answers, {})["terminals"]
        settings = dict(terminal["settings"])
        password = self.progress.revealed(answers).get(Key.TERMINAL_PASSWORD)
        if password:
            settings["secret"] = password
        try:
            health = asyncio.run(sign_of_life(terminal["driver"], settings))
        except BridgeError as error:
            self.front.warn(str(error))
            return
        match health.state:
            case HealthState.READY | HealthState.BUSY:
                self.front.say(self.texts("say.terminal_answers", detail=health.detail))
            case HealthState.SILENT | HealthState.UNREACHABLE:
                self.front.warn(self.texts("say.terminal_silent", detail=health.detail))
            case HealthState.UNKNOWN:
                self.front.warn(self.texts("say.terminal_unknown", detail=health.detail))

    def _write(self, answers: Answers) -> Written:
        config = Path(answers.get(Key.FOLDER)) / self.config.name
        done = self.writer(config).write(answers, self.progress.revealed(answers))
        self.progress.finish(answers)
        return done


def _looking(interview: Interview) -> Interview:
    """The same interview, with the ports that there are now."""
    ports = tuple(port.path for port in finding.ports())
    return replace(interview, around=replace(interview.around, ports=ports))


def _taking(prompt: Prompt, *words: str) -> Prompt:
    """The same prompt; these words pass, because they are no answers yet."""

    def check(text: str) -> str | None:
        return None if text in words else prompt.check(text)

    return Prompt(prompt.title, prompt.help, prompt.usual, prompt.choices, prompt.secret, prompt.may_go_back, check)


def show(front: Front, texts: Catalogue, done: Written) -> None:
    """Says what was written and where, without any secret, and what somebody must know."""
    if done.copy is not None:
        front.say(texts("say.copy", path=done.copy))
    front.say(texts("say.written", path=done.path))
    for warning in done.warnings:
        front.warn(warning)
