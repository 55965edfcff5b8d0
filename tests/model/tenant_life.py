"""A tenant's life: it begins with signed-in users, and continues with any step."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.model.crash_rules import CrashRules
from tests.model.objects import Extent
from tests.model.strategies import DAY, HOUR, Pick, extents, indexes, keys


class Life(CrashRules):
    @initialize(
        sign_ins=st.lists(
            st.tuples(indexes, indexes, extents, keys), min_size=1, max_size=3
        )
    )
    def begin(self, sign_ins: list[tuple[int, int, Extent, str | None]]) -> None:
        for client, user, asked, key in sign_ins:
            self.issue_code(
                client=client,
                user=user,
                extent=asked,
                agrees=True,
                uri=None,
                verifier="a" * 43,
                key=key,
                family_lifetime=None,
                ago=None,
            )
            self.redeem_code(
                pick=Pick(live=True, back=0),
                mistake=None,
                again=False,
                key=key,
                certificate=None,
                access=HOUR,
                refresh=30 * DAY,
            )

        self.client_credentials(
            client=0, for_account=True, extent=frozenset(), key=None, lifetime=DAY
        )

    # Entries that occur twice are executed more often.
    redeem_code_too = CrashRules.redeem_code
    redeem_code_again = CrashRules.redeem_code
    refresh_too = CrashRules.refresh
    refresh_again = CrashRules.refresh
    refresh_more = CrashRules.refresh
    present_used_too = CrashRules.present_used
    issue_code_too = CrashRules.issue_code
    start_session_too = CrashRules.start_session
    issue_code_in_session_too = CrashRules.issue_code_in_session
    exchange_too = CrashRules.exchange
    exchange_again = CrashRules.exchange
    redeem_device_code_too = CrashRules.redeem_device_code
    import_tokens_too = CrashRules.import_tokens
