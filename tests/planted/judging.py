"""Bugs that believe the wrong thing: news, webhooks, endings."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_seeds, by_tests

_UNTRUE = (Invariant.COMPLETED_MEANS_PAID, Invariant.FAILED_MEANS_UNPAID)

JUDGING = (
    Bug(
        "AfriMoney's webhook is believed",
        "Whoever saw one of our requests can complete or fail any cash-out.",
        "domain/record.py",
        "    if not isinstance(news, News):\n        return report\n",
        "    if isinstance(news, Doorbell) and news.claim is not None:\n"
        "        told = News(news.word, news.claim, news.provider_transaction_id)\n"
        "        return replace(report, finding=told)\n"
        "    if not isinstance(news, News):\n        return report\n",
        by_seeds(300, *_UNTRUE),
    ),
    Bug(
        "the latest news wins",
        "A completed cash-out becomes processing, failed, completed again.",
        "domain/states.py",
        "    if RANK[reported] > RANK[now]:\n",
        "    if reported is not now:\n",
        by_seeds(100, Invariant.ENDINGS_ARE_FINAL, Invariant.NO_BUG),
    ),
    Bug(
        "a contradiction is kept quiet",
        "Two endings were told, money may be lost, and nobody looks.",
        "domain/states.py",
        "        return Verdict.CONTRADICTION\n",
        "        return Verdict.STALE\n",
        by_seeds(300, *_UNTRUE),
    ),
    Bug(
        "the amount in news is not compared",
        "Another transaction's success completes a cash-out that was never paid.",
        "domain/record.py",
        "        and (amount is None or (amount.is_finite()"
        " and amount == cash_out.amount.decimal))\n",
        "",
        by_tests(
            "tests/domain/test_record.py::test_a_mismatched_echo_is_never_adopted_and_calls_a_human"
        ),
    ),
    Bug(
        "the currency in news is not compared",
        "Fifteen hundred of another currency count as paid.",
        "domain/record.py",
        "        and news.currency in {None, cash_out.amount.currency.code}\n",
        "",
        by_tests(
            "tests/domain/test_record.py::test_a_mismatched_echo_is_never_adopted_and_calls_a_human"
        ),
    ),
    Bug(
        "the payee in news is not compared",
        "Somebody else was paid, and the cash-out is completed.",
        "domain/record.py",
        "        and (news.payee is None or cash_out.payee.msisdn.is_same_as(news.payee))\n",
        "",
        by_tests(
            "tests/domain/test_record.py::test_a_mismatched_echo_is_never_adopted_and_calls_a_human"
        ),
    ),
    Bug(
        "two cash-outs may claim one provider id",
        "One payout completes two cash-outs.",
        "domain/record.py",
        "    if report.id_taken or (known_id",
        "    if (known_id",
        by_tests(
            "tests/domain/test_record.py::test_an_id_that_is_another_cash_outs_is_not_believed"
        ),
    ),
    Bug(
        "an unknown word is taken for a failure",
        "A provider adds a state, and everything that has it fails although it is paid.",
        "domain/record.py",
        "        return Verdict.UNRECOGNISED\n",
        "        return draft.move(Status.FAILED)\n",
        by_seeds(300, Invariant.FAILED_MEANS_UNPAID),
    ),
    Bug(
        "an equal webhook is judged again",
        "Ten equal webhooks at once are ten pieces of evidence, and ten events.",
        "application/record_news.py",
        "    return receipt is None or (receipt.fresh and not receipt.replayed)\n",
        "    return receipt is None or not receipt.replayed\n",
        by_seeds(300, Invariant.NEWS_IS_JUDGED_ONCE),
    ),
    Bug(
        "a signature is good for a second body",
        "Whoever saw one webhook can ring with any claim, as often as he likes.",
        "application/receive_webhook.py",
        "        if recorded.receipt is not None and recorded.receipt.replayed:\n",
        "        if False:\n",
        by_seeds(600, Invariant.STRANGERS_CHANGE_NOTHING),
    ),
    Bug(
        "a webhook's signature is not compared",
        "Anybody can complete any cash-out of Orange Money.",
        "adapters/provider_kit/signing.py",
        "    return bool(_LOWER_HEX.fullmatch(given)) and hmac.compare_digest(given, expected)\n",
        "    return bool(_LOWER_HEX.fullmatch(given)) and bool(expected)\n",
        by_seeds(300, Invariant.STRANGERS_CHANGE_NOTHING),
    ),
    Bug(
        "a webhook before its cash-out is forgotten",
        "The only news of a payout is dropped behind a 200.",
        "application/housekeeping.py",
        "        recorded = await _each(self.record, arrivals)\n"
        "        return sum(each.cash_out is not None for each in recorded)\n",
        "        return 0 * len(arrivals)\n",
        by_seeds(300, Invariant.NEWS_IS_JUDGED_ONCE, Invariant.FAILED_MEANS_UNPAID),
    ),
    Bug(
        "one provider's webhook moves another's cash-out",
        "Whoever has the secret of one provider decides about all.",
        "adapters/sql/cash_out_statements.py",
        "(ours.c.reference == given.c.reference) & (ours.c.provider == given.c.provider),\n",
        "(ours.c.reference == given.c.reference),\n",
        by_tests(
            "tests/contracts/test_cash_outs.py::test_a_lookup_finds_by_reference_first_and_then_by_the_providers_id[sqlite]"
        ),
    ),
    Bug(
        "a 2xx with an unexpected body is a refusal",
        "The provider has taken it, and the user is told that it failed.",
        "adapters/provider_kit/outcomes.py",
        '    return replace(UNKNOWN, detail=f"HTTP {answer.status}, unreadable body",',
        "    return replace(Outcome(OutcomeKind.REFUSED),",
        by_tests(
            "tests/adapters/providers/test_outcome_table.py::test_an_answer_to_a_submit_means_what_the_table_says"
        ),
    ),
    Bug(
        "any server error counts as not taken",
        "A gateway's 502 after the payout has it paid again.",
        "adapters/provider_kit/outcomes.py",
        "answer.status in _SERVER_ERRORS and self.vocabulary.says_not_executed(said):\n",
        "answer.status in _SERVER_ERRORS:\n",
        by_tests(
            "tests/adapters/providers/test_outcome_table.py::test_an_answer_to_a_submit_means_what_the_table_says"
        ),
    ),
    Bug(
        "a broken connection counts as not sent",
        "The provider read the request and paid, and it is sent again.",
        "adapters/provider_kit/client.py",
        "    return Unclear(next(reason",
        "    return NotSent(next(reason",
        by_tests(
            "tests/adapters/providers/test_wire_calls.py::test_what_the_provider_may_have_read_is_unclear"
        ),
    ),
    Bug(
        "a proxy's 404 counts as the provider's not-found",
        "A wrong path in the configuration proves of every payout that it was not made.",
        "adapters/providers/orange_money/gateway.py",
        "            if self._vocabulary.says_not_found(error_in(exchange.body)):\n",
        "            if exchange:\n",
        by_tests(
            "tests/adapters/providers/test_orange_money.py::test_any_other_answer_teaches_nothing"
        ),
    ),
)
