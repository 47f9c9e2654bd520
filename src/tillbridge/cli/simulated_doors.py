"""Simulates a terminal whose options are settings of its door."""

from collections.abc import Mapping
from typing import Any

from tillbridge.cli.running import run
from tillbridge.cli.simulated_lines import DoorLine, check_one_line, check_pty
from tillbridge.cli.simulating import Simulation, play


def simulate_door(wire: str, spoken: str, words: Mapping[str, Any], settings: Mapping[str, str]) -> None:
    """Plays a terminal of this wire until Ctrl-C.

    `words` are the options of the command line by their names, `settings` the setting that each stands for, with a dot
    before the name of one inside another.
    """
    check_one_line(words.get("pty"), words.get("channel"))
    check_pty(words.get("pty"), "--port, or a pair of virtual COM ports")
    given = {setting: None if words[name] == [] else words[name] for name, setting in settings.items()}
    simulation = Simulation(
        words["name"],
        DoorLine(wire, spoken, given),
        scenario=words["scenario"],
        delay=words["delay"],
        ledger=words["ledger"],
    )
    run(play(simulation, words["control"]))
