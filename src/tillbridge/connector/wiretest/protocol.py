"""What an acceptance test found, for a file: the same facts in JSON and, through a template, as a page to print."""

from typing import Any, Final

from tillbridge.connector.wiretest.acceptance import Acceptance, Step
from tillbridge.runtime.scrubbing import scrub

FORMAT: Final = "tillbridge-acceptance-1"
"""The name of this shape; a later shape gets another one."""


async def protocol(test: Acceptance, version: str) -> dict[str, Any]:
    """Everything about the test in the types of JSON; passwords and card numbers are hidden."""
    await test.look()
    able = test.line.capabilities
    written = {
        "format": FORMAT,
        "tillbridge": version,
        "wire": test.line.wire,
        "terminal": test.line.name,
        "settings": test.line.settings.model_dump(mode="json", exclude_defaults=True),
        "led_by": test.by,
        "begun": test.begun,
        "made": test.runtime.clock.now(),
        "amount": {"minor": test.amount.minor, "currency": test.amount.currency.code},
        "capabilities": {
            "kinds": sorted(able.kinds),
            "abort": able.abort,
            "recovery": able.recovery,
            "currencies": None if able.currencies is None else sorted(able.currencies),
        },
        "passed": test.passed,
        "over": test.over,
        "steps": [_step(test, step) for step in test.steps],
    }
    scrubbed = scrub(written)
    assert isinstance(scrubbed, dict)  # noqa: S101 - a mapping stays one
    return scrubbed


def _step(test: Acceptance, step: Step) -> dict[str, object]:
    done = test.of(step)
    return {
        "step": step,
        "result": done.mark,
        "payment": done.payment_id,
        "wire_said": done.detail,
        "terminal_showed_it": done.shown,
        "remark": done.remark,
        "at": done.at,
    }
