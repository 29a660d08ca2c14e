"""`drive` runs one random day: faults and user actions depend on the seed only."""

import asyncio
import logging
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from core.model.command import CancelWorking, ExecutePlan, Flatten, Halt, MakePlan, PauseBuys, Resume
from core.model.command import Done as Carried
from tests.day.faults import Move, Spell
from tests.day.loop import SimulatedLoop, simulate
from tests.day.world import DayWorld, Record, at


def drive(seed: int, faults: float = 0.3) -> Record:
    """Run the day of this seed. An error in the program itself is a breach too."""
    loop = SimulatedLoop()
    with tempfile.TemporaryDirectory(prefix="rotor-day-") as folder:
        world = DayWorld(Path(folder), loop, seed=seed, faults=faults)
        heard = _Heard()
        logging.getLogger().addHandler(heard)
        level = logging.getLogger("core").level
        logging.getLogger("core").setLevel(logging.ERROR)
        try:
            simulate(_play(world), loop)
        except Exception as error:
            world.breach(f"the day broke off: {error!r}")
        finally:
            logging.getLogger().removeHandler(heard)
            logging.getLogger("core").setLevel(level)
    for text in heard.raised:
        world.breach(f"an exception: {text}")
    return world.record


class _Heard(logging.Handler):
    """Every logged exception: no day, however bad, may log one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.raised: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None:
            self.raised.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


async def _play(world: DayWorld) -> None:
    random = world.random
    await world.open()
    await world.until("09:31")
    await _rebalance(world)
    await world.until("09:36")
    _script(world)
    crash_at = at("10:00") + timedelta(minutes=random.randint(0, 285))
    crashes = random.random() < 0.6

    async def each() -> None:
        nonlocal crashes
        now = world.clock.now()
        if random.random() < 0.004 * world.broker.rate / 0.3:
            world.broker.break_link(random.uniform(0.5, 8.0))
        if crashes and now >= crash_at:
            crashes = False
            await world.crash()
        if random.random() < 0.01:
            await _user(world)

    await world.until("14:48", each)
    await _resume(world)
    await world.until("14:56:40", each if random.random() < 0.5 else None)
    await _resume(world)
    await world.finish()
    await world.close()


def _script(world: DayWorld) -> None:
    """Incidents for the bonds held."""
    random = world.random
    codes = sorted(world.held)
    random.shuffle(codes)

    def spell(longest: int) -> Spell:
        begin = at("09:40") + timedelta(minutes=random.randint(0, 300))
        return Spell(begin, begin + timedelta(minutes=random.randint(2, longest)))

    for number, code in enumerate(codes[:7]):
        kind = number if number < 5 else random.randrange(5)
        when = spell(120)
        if kind == 0:
            move = Move(code, when, Decimal("0.94"), thin=random.random() < 0.5)
        elif kind == 1:
            move = Move(code, when, Decimal("1.07"), thin=random.random() < 0.3)
        elif kind == 2:
            move = Move(code, when, floored=True)
        elif kind == 3:
            move = Move(code, when, halted=True)
        else:
            move = Move(code, spell(4), Decimal("0.95"))
        world.market.moves.append(move)
    for _ in range(random.randint(0, 2)):
        world.market.silences.append(spell(5))
    for _ in range(random.randint(0, 2)):
        world.transport.outages.append(spell(15))
    if random.random() < 0.3:
        world.transport.outages.append(Spell(at("14:49"), at("14:49") + timedelta(minutes=random.randint(1, 8))))


async def _rebalance(world: DayWorld) -> None:
    made = await world.ask(MakePlan())
    if isinstance(made, Carried) and made.value.refused is None and made.value.legs:
        await world.ask(ExecutePlan(made.value.plan_id))


async def _user(world: DayWorld) -> None:
    """A user action, now and then."""
    kind = world.random.random()
    if kind < 0.4:
        await asyncio.wait({asyncio.create_task(_rebalance(world))}, timeout=world.random.uniform(0.1, 5.0))
    elif kind < 0.55:
        await world.ask(PauseBuys())
        if not world.components.rotation.controls.halted:
            world.note_halt("paused")
    elif kind < 0.65:
        await world.ask(Halt())
        world.note_halt("halted")
    elif kind < 0.9:
        await _resume(world)
    elif kind < 0.97:
        await world.ask(CancelWorking())
    else:
        world.note_halt("halted")
        await world.ask(Flatten())
        if not world.components.rotation.controls.halted:  # declined before it halted
            world.note_halt("")


async def _resume(world: DayWorld) -> None:
    world.note_halt("")
    await world.ask(Resume())
