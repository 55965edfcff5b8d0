"""A worker's work: a random mixture of everything."""

from collections.abc import Callable, Coroutine
from random import Random
from threading import Event
from typing import Any, TypeAlias

from tests.soak.device_work import approve_device
from tests.soak.ending_work import end_family, replace_user, revoke, sign_out
from tests.soak.licence_work import record_usage, use_seat
from tests.soak.other_work import edit_user, guess, make_pair, push_request, use_jti
from tests.soak.redeeming import redeem
from tests.soak.token_work import Desk, issue_code, make_access, verify

Work: TypeAlias = Callable[[Desk], Coroutine[Any, Any, None]]
# How often each is drawn, of a thousand.
MIXTURE: dict[Work, int] = {
    verify: 320,
    redeem: 260,
    issue_code: 130,
    make_access: 60,
    approve_device: 30,
    use_seat: 60,
    record_usage: 50,
    edit_user: 30,
    revoke: 20,
    use_jti: 20,
    make_pair: 20,
    guess: 10,
    push_request: 10,
    end_family: 5,
    sign_out: 3,
    replace_user: 2,
}


def draw(chance: Random, more: dict[Work, int]) -> Work:
    mixture = {**MIXTURE, **more}
    return chance.choices([*mixture], [*mixture.values()])[0]


async def work(desk: Desk, pace: float, stop: Event, more: dict[Work, int]) -> None:
    """Work until told to stop, with a rest between two pieces."""
    while not stop.is_set():
        await draw(desk.chance, more)(desk)
        if pace:
            await desk.door.pause(desk.chance.expovariate(1 / pace))
