"""Draws the picture of docs/concepts.md: `python docs/concepts.py` writes docs/concepts.svg."""

from pathlib import Path

from drawing import (
    DECODE,
    FREE,
    IDLE,
    IN_USE,
    LINE,
    PAPER,
    PINNED,
    PREFILL,
    QUIET,
    TOOL,
    WAITING,
    Drawing,
    svg,
)

PICTURE = Path(__file__).with_suffix(".svg")

# What the blocks of HBM, DRAM and CXL are held for, left to right.
HBM = [
    [IN_USE] * 16 + [PINNED] * 5 + [IDLE] * 8 + [FREE] * 4,
    [IN_USE] * 13 + [PINNED] * 4 + [IDLE] * 13 + [FREE] * 3,
]
DRAM = [IDLE] * 13 + [FREE] * 2
CXL = [IDLE] * 9 + [FREE] * 6


def draw_program(sheet: Drawing) -> None:
    """The time of one program, from its arrival to the end of its last turn."""
    sheet.text(26, 54, "one program", 13.5, weight="bold")
    turns = [(140, 34, 44, 82), (400, 18, 20, 72), (640, 40, 30, 110)]
    for number, (x, waiting, prefill, decode) in enumerate(turns, 1):
        sheet.text(x + (waiting + prefill + decode) / 2, 31, f"turn {number}", align="center")
        for width, fill in ((waiting, WAITING), (prefill, PREFILL), (decode, DECODE)):
            sheet.bar(x, 42, width, 24, fill)
            x += width
    for begin, end in ((300, 400), (510, 640)):
        sheet.axes.plot((begin + 3, end - 3), (54, 54), color=TOOL, linewidth=2.2, linestyle=(0, (2, 1.6)))
        sheet.text((begin + end) / 2, 38, "tool gap", align="center", color="#007a59")
    for x, words in ((157, "waits"), (196, "prefill"), (259, "decode")):
        sheet.text(x, 75, words, 10.5, "center", color=QUIET)
    measure(sheet, 140, 218, 94, "TTFT")
    measure(sheet, 140, 820, 116, "JCT: arrival to the end of the last turn")


def measure(sheet: Drawing, begin: float, end: float, y: float, words: str) -> None:
    """A measured time, from `begin` to `end`."""
    sheet.arrow((begin, y), (end, y), colour=LINE, both=True)
    for x in (begin, end):
        sheet.axes.plot((x, x), (y - 5, y + 5), color=LINE, linewidth=1.2)
    sheet.text((begin + end) / 2, y, words, 11, "center", color=QUIET, backgroundcolor=PAPER)


def draw_gateway(sheet: Drawing) -> None:
    """Programs, and the gateway that lets them in and routes their turns."""
    sheet.box(14, 150, 112, 96, "Programs")
    for y, turns in ((182, 4), (200, 3), (218, 5)):
        for place in range(turns):
            sheet.bar(28 + 18 * place, y, 12, 12, DECODE)
        sheet.axes.plot((34, 34 + 18 * (turns - 1)), (y + 6, y + 6), color=TOOL, linewidth=1.6, zorder=2)
    sheet.box(164, 150, 190, 270, "Gateway")
    sheet.arrow((126, 200), (205, 200))
    sheet.decision(259, 200, "admit_program")
    sheet.arrow((318, 211), (318, 234), both=True)
    sheet.bars(294, 236, [WAITING] * 4)
    sheet.text(318, 264, "held", 11, "center", color=QUIET)
    sheet.arrow((230, 211), (230, 286))
    sheet.box(178, 286, 162, 30, fill=PAPER)
    sheet.text(259, 301, "a turn is ready", align="center")
    sheet.arrow((285, 316), (285, 352))
    sheet.decision(285, 362, "route_turn")
    sheet.text(285, 386, "router", 11, "center", color=QUIET)
    sheet.arrow((328, 362), (367, 362), (367, 234), (420, 234))
    sheet.arrow((367, 234), (367, 163), (412, 163))


def draw_instance(sheet: Drawing) -> None:
    """An instance, with its queue, its batch and its blocks, and another one behind."""
    sheet.box(412, 148, 476, 252)
    sheet.text(876, 163, "Instance 1", 13.5, "right", weight="bold")
    sheet.box(400, 176, 476, 244, "Instance 0")
    sheet.text(420, 216, "queue", 11, color=QUIET)
    sheet.bars(424, 226, [WAITING] * 5, 12)
    sheet.arrow((498, 234), (652, 234))
    sheet.decision(574, 204, "set_prefill_budget")
    sheet.decision(574, 234, "schedule_turn")
    sheet.text(656, 216, "batch of the iteration in flight", 11, color=QUIET)
    sheet.bar(656, 226, 88, 16, PREFILL)
    sheet.bars(750, 226, [DECODE] * 10, 8)
    sheet.arrow((690, 244), (690, 264), (450, 264), (450, 244))
    sheet.decision(574, 264, "preempt_turn")
    sheet.arrow((800, 244), (800, 298), (386, 298), (386, 520), (354, 520))
    sheet.text(424, 288, "the turn ends", 11, color=QUIET)
    sheet.decision(740, 298, "retain_kv")
    sheet.arrow((720, 308), (720, 336))
    sheet.text(712, 323, "its KV is left, pinned or dropped", 11, "right", color=QUIET)
    sheet.text(785, 311, "moved down", 11, color=QUIET)
    sheet.text(420, 326, "HBM, in blocks", 12, weight="bold")
    for place, row in enumerate(HBM):
        sheet.bars(422, 338 + 18 * place, row, 11)


def draw_tiers(sheet: Drawing) -> None:
    """Memory below HBM, and the links to it."""
    for x, name, blocks in ((400, "DRAM of the host", DRAM), (652, "CXL pool", CXL)):
        sheet.box(x, 506, 236, 72, name)
        sheet.bars(x + 20, 542, blocks, 11)
    sheet.arrow((560, 372), (560, 408))
    sheet.decision(560, 388, "evict_kv")
    sheet.arrow((862, 408), (440, 408), (440, 506))
    sheet.arrow((760, 308), (760, 320), (862, 320), (862, 506))
    sheet.arrow((636, 560), (652, 560))
    sheet.arrow((616, 506), (616, 454))
    sheet.arrow((672, 506), (672, 454))
    sheet.arrow((644, 434), (644, 420))
    sheet.decision(644, 444, "prefetch_kv")
    for x, what, link, align in (
        (449, "copies", "link down", "left"),
        (607, "loads", "link up", "right"),
        (681, "loads", "link up", "left"),
        (853, "copies", "link down", "right"),
    ):
        sheet.text(x, 470, what, 11, align, color=QUIET)
        sheet.text(x, 485, link, 11, align, color=QUIET)


def draw_tools(sheet: Drawing) -> None:
    """What programs do between their turns."""
    sheet.box(14, 440, 340, 138, "Tools")
    for y, name, queue, runs in ((482, "tests", 3, 2), (510, "web search", 0, 4), (538, "a user thinks", 0, 6)):
        sheet.text(28, y, name)
        sheet.bars(130, y - 8, [WAITING] * queue)
        for place in range(runs):
            sheet.bar(186 + 18 * place, y - 8, 14, 16, TOOL)
    sheet.text(130, 562, "queue", 11, color=QUIET)
    sheet.text(186, 562, "calls that run", 11, color=QUIET)
    sheet.arrow((200, 440), (200, 316))
    sheet.text(206, 430, "tool gap ends", 11, color=QUIET)


def draw_legend(sheet: Drawing) -> None:
    """What the colours say."""
    sheet.decision(55, 612, "decision")
    sheet.text(104, 612, "the simulator asks, a rule or an agent answers", color=QUIET)
    x = 420
    for colour, words in ((IN_USE, "in use"), (PINNED, "pinned"), (IDLE, "idle: cache"), (FREE, "free block")):
        sheet.bar(x, 604, 11, 16, colour)
        sheet.text(x + 17, 612, words, color=QUIET)
        x += 48 + 6.6 * len(words)


def draw() -> bytes:
    """The picture as an SVG file."""
    return svg(PICTURE.stem, 900, 640, (draw_program, draw_gateway, draw_instance, draw_tiers, draw_tools, draw_legend))


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
