"""Draws the picture of docs/architecture.md: `python docs/architecture.py` writes docs/architecture.svg."""

from pathlib import Path

from drawing import FREE, INK, PAPER, QUIET, WAITING, Drawing, svg

PICTURE = Path(__file__).with_suffix(".svg")
MONO = "DejaVu Sans Mono"

# Who asks, in the order in which it is their turn: what for, the package, and the kinds of decision.
MECHANISMS = (
    (116, "turns that ended", "retention", [["retain_kv"]]),
    (118, "new programs", "admission", [["admit_program"]]),
    (148, "lanes of a GPU", "lanes", [["set_prefill_budget"]]),
    (220, "instances that form an iteration", "iteration", [["schedule_turn", "preempt_turn"], ["evict_kv"]]),
    (106, "ready turns", "routing", [["route_turn"]]),
    (110, "KV to bring up", "loads", [["prefetch_kv"], ["evict_kv"]]),
)

# Arrays of the state, and some of their fields.
ARRAYS = (
    (178, "world", "asked, answer, now_s, ..."),
    (172, "candidate", "whom one may choose"),
    (152, "option, allowed", "which may be chosen"),
    (170, "instance", "stage, joining, ..."),
    (132, "turn_run, ...", "and all others"),
)


def card(sheet: Drawing, x: float, y: float, width: float, name: str, where: str, fill: str = PAPER) -> None:
    """A function, and the file in which it is."""
    sheet.box(x, y, width, 44, fill=fill)
    sheet.text(x + width / 2, y + 16, name, 12, "center", family=MONO)
    sheet.text(x + width / 2, y + 32, where, 10.5, "center", color=QUIET)


def step(sheet: Drawing, x: float, y: float, number: int) -> None:
    """The number of a paragraph of the page."""
    sheet.dot(x, y, 9, INK)
    sheet.text(x, y, str(number), 11, "center", color=PAPER, weight="bold", zorder=7)


def draw_python(sheet: Drawing) -> None:
    """What is run by Python, once per decision."""
    sheet.box(14, 14, 872, 88, "Python")
    card(sheet, 32, 42, 150, "your agent", "or Stable-Baselines3")
    card(sheet, 372, 42, 180, "env.step", "envs/decision_env.py")
    card(sheet, 690, 42, 180, "Question.step", "envs/question.py")
    sheet.arrow((182, 54), (372, 54))
    sheet.text(277, 45, "action", 11, "center", color=QUIET)
    sheet.arrow((372, 74), (182, 74))
    sheet.text(277, 85, "observation, mask, reward", 11, "center", color=QUIET)
    sheet.arrow((552, 64), (690, 64), both=True)
    step(sheet, 621, 46, 1)


def draw_compiled_step(sheet: Drawing) -> None:
    """The part of a step that compiled code does besides the simulation."""
    sheet.box(14, 120, 872, 88, "One call into compiled code")
    sheet.text(248, 137, "steps 2 to 6: step_state in envs/step.py", 11, color=QUIET)
    for x, width, name, where in (
        (32, 200, "is the action legal?", "envs/step.py; if not: the rule"),
        (264, 160, "advance", "engine/loop.py"),
        (456, 170, "collect", "envs/rewards.py"),
        (658, 212, "observe", "envs/routing_features.py, ..."),
    ):
        card(sheet, x, 150, width, name, where)
    for begin, end in ((232, 264), (424, 456), (626, 658)):
        sheet.arrow((begin, 172), (end, 172))
    sheet.arrow((740, 86), (740, 111), (20, 111), (20, 172), (32, 172))
    sheet.arrow((820, 150), (820, 86))
    for x, y, number in ((248, 155, 2), (440, 155, 5), (642, 155, 6), (838, 128, 7)):
        step(sheet, x, y, number)


def draw_advance(sheet: Drawing) -> None:
    """The loop of the engine, which ends with a question."""
    sheet.box(14, 226, 872, 290, "advance: run until somebody outside has to be asked")
    sheet.arrow((344, 194), (344, 217), (20, 217), (20, 284), (40, 284))
    card(sheet, 40, 262, 160, "take the answer", "engine/loop.py")
    card(sheet, 284, 262, 230, "settle", "engine/settle.py: what is due now")
    card(sheet, 640, 262, 230, "next event", "engine/loop.py: time moves on")
    sheet.arrow((200, 284), (284, 284))
    sheet.arrow((514, 276), (640, 276))
    sheet.text(588, 268, "nothing is due", 10.5, "center", color=QUIET)
    sheet.arrow((640, 294), (514, 294))
    sheet.text(588, 304, "what it has caused", 10.5, "center", color=QUIET)
    sheet.axes.plot((399, 399), (306, 322), color=QUIET, linewidth=1.4)
    sheet.axes.plot((84, 819), (322, 322), color=QUIET, linewidth=1.4)
    x = 26.0
    for width, subject, package, kinds in MECHANISMS:
        middle = x + width / 2
        sheet.arrow((middle, 322), (middle, 340))
        sheet.box(x, 340, width, 92, fill=PAPER)
        sheet.text(middle, 353, subject, 10.5, "center", color=QUIET)
        sheet.text(middle, 369, f"engine/{package}", 11, "center", family=MONO)
        for row, names in enumerate(kinds):
            widths = [7.0 * len(kind) + 16 for kind in names]
            left = middle - (sum(widths) + 6 * (len(widths) - 1)) / 2
            for kind, kind_width in zip(names, widths, strict=True):
                sheet.decision(left + kind_width / 2, 391 + 24 * row, kind)
                left += kind_width + 6
        x += width + 6
    step(sheet, 242, 266, 3)
    step(sheet, 530, 262, 4)
    sheet.text(28, 456, "Several legal answers, for a program that counts, to a kind that is left to the agent?", 11.5)
    sheet.text(28, 476, "No: the scenario's rule answers, compiled, and it goes on.", 11.5, color=QUIET)
    sheet.text(28, 496, "Yes: the question is written into the state, and its kind is returned.", 11.5, color=QUIET)
    sheet.arrow((420, 496), (520, 496), (520, 566))


def draw_state(sheet: Drawing) -> None:
    """Where question and answer are written."""
    sheet.box(14, 534, 872, 92, "State: nothing but arrays")
    sheet.text(236, 551, "in blue where a question is written", 11, color=QUIET)
    x = 32.0
    for width, name, fields in ARRAYS:
        fill = WAITING if name.startswith(("world", "candidate", "option")) else FREE
        sheet.bar(x, 566, width, 46, fill)
        sheet.text(x + 10, 580, name, 11.5, family=MONO)
        sheet.text(x + 10, 599, fields, 10.5, color=QUIET)
        x += width + 8


def draw() -> bytes:
    """The picture as an SVG file."""
    return svg(PICTURE.stem, 900, 640, (draw_python, draw_compiled_step, draw_advance, draw_state))


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
