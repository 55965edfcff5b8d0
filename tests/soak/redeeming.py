"""Redemptions of codes and refresh tokens: one of all racers wins."""

from time import monotonic
from typing import Any
from uuid import uuid4

from authority_queries import mint_token
from authority_queries.secrets import TokenKind, TokenString
from tests.factories import new_token
from tests.soak.ledger import Call
from tests.soak.tenants import CALLBACK
from tests.soak.token_lives import End, Life, Span, Use
from tests.soak.token_work import HOUR, Desk

ATTEMPTS = 3
METHODS = {
    "authorization_code": "redeem_code",
    "device_code": "redeem_device_code",
    "refresh": "refresh",
}


class Attempt:
    """One request for redemption, repeated while its answer is lost."""

    def __init__(self, desk: Desk, life: Life) -> None:
        self._desk = desk
        self._life = life
        tenant_id = life.minted.tenant_id
        self._access = mint_token("access", tenant_id)
        self._refresh = mint_token("refresh", tenant_id)
        self._use = Use(uuid4(), monotonic())
        self._end = life.itself.begin_end("redeemed", self._use.began)
        # A second presentation ends the family.
        self._reuse = life.family.begin_end("reused", self._use.began)
        life.uses.append(self._use)

    @property
    def _ours(self) -> tuple[End, End]:
        return self._end, self._reuse

    async def run(self) -> None:
        name = METHODS[self._life.kind]
        try:
            for number in range(ATTEMPTS):
                with self._desk.ledger.call(f"redemptions.{name}") as call:
                    answer = await self._ask(name)
                if call.is_acknowledged:
                    self._judge(answer, call, is_first=number == 0)
                    return
                await self._desk.door.pause(0.05 * (1 + number))
            self._add_successors(Span(self._use.began), {})
        finally:
            self._end.gave_up = self._reuse.gave_up = monotonic()

    async def _ask(self, name: str) -> Any:
        life = self._life
        options = {"redirect_uri": CALLBACK} if name == "redeem_code" else {}
        async with self._desk.door.unit(life.minted.tenant_id) as store:
            return await getattr(store.redemptions, name)(
                tenant_id=life.minted.tenant_id,
                token_hash=life.minted.hash,
                client_id=life.expected["client_id"],
                redemption_id=self._use.request,
                access_token=new_token(self._access, HOUR),
                refresh_token=new_token(self._refresh, HOUR),
                **options,
            )

    def _judge(self, answer: Any, call: Call, *, is_first: bool) -> None:
        outcome = str(answer.outcome)
        with self._desk.ledger.lock:
            others = [use for use in self._life.uses if use is not self._use]
            self._use.outcome = outcome
            self._desk.ledger.count(f"redemptions {outcome}")
            if outcome in ("redeemed", "already_redeemed"):
                self._won(answer, call, others, is_first=is_first)
            elif outcome == "reused":
                self._life.itself.forget(self._end)
                self._reuse.done = call.ended
                is_second = any(use.began < call.ended for use in others)
                self._expect(is_second, "a first redemption is called reuse")
            else:
                self._refused(call, outcome, is_first=is_first)

    def _won(
        self, answer: Any, call: Call, others: list[Use], *, is_first: bool
    ) -> None:
        self._use.outcome = "redeemed"
        self._end.done = call.ended
        self._life.family.forget(self._reuse)
        winners = [use for use in others if use.outcome == "redeemed"]
        self._expect(not winners, "two redemptions win")
        is_new = answer.outcome == "redeemed"
        self._expect(is_new or not is_first, "redeemed before the first request")
        why = self._life.why_dead(self._use.began)
        self._expect(why is None, "a dead token is redeemed", str(why))
        family = {"authorization_id": answer.authorization_id}
        ids = {"access": answer.access_token_id, "refresh": answer.refresh_token_id}
        self._add_successors(Span(self._use.began, call.ended), ids, **family)

    def _refused(self, call: Call, outcome: str, *, is_first: bool) -> None:
        alive = self._life.must_live(call.began, call.ended, besides=self._ours)
        self._expect(not alive, "a live token is not redeemed", outcome)
        if is_first:
            self._life.itself.forget(self._end)
            self._life.family.forget(self._reuse)

    def _expect(self, holds: object, rule: str, detail: str = "") -> None:
        what = f"{self._life.kind} {self._life.expected.get('id')} {detail}"
        self._desk.ledger.expect(holds, rule, what)

    def _add_successors(self, issued: Span, ids: dict[str, Any], **more: Any) -> None:
        """Enter the issued tokens; those of an unknown outcome without their ids."""
        successors: list[tuple[TokenKind, TokenString]] = [
            ("access", self._access),
            ("refresh", self._refresh),
        ]
        for kind, minted in successors:
            expected = {**self._life.expected, **more, "type": kind}
            expected.pop("id", None)
            if kind in ids:
                expected["id"] = ids[kind]
            self._desk.lives.add(
                Life(
                    minted=minted,
                    kind=kind,
                    issued=issued,
                    signed_in=self._life.signed_in,
                    lifetime=HOUR.total_seconds(),
                    hangs_on=self._life.hangs_on,
                    family=self._life.family,
                    expected=expected,
                )
            )


async def redeem(desk: Desk) -> None:
    """Redeem a token alone, or race for any."""
    kind = desk.chance.choice([*METHODS])
    if desk.chance.random() < 0.85:
        life = desk.lives.claim(desk.chance, kind)
    else:
        life = desk.lives.draw(desk.chance, kind)
    if life is not None:
        await Attempt(desk, life).run()
