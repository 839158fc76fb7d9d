"""Accounts that balance, and those that must not pass."""

import pytest

from pipeline.accounts import Account, check, funnel
from pipeline.errors import GuardError

ORDER = ("language", "filters", "quality", "deduplicate", "decontaminate")


def test_a_lost_document_is_named():
    with pytest.raises(GuardError, match=r"filters, web: 10 in, 7 kept, 2 dropped"):
        check([Account("language", "web", 12, 10, {"language": 2}), Account("filters", "web", 10, 7, {"short": 2})])


def test_the_funnel_ends_in_a_counted_number():
    decided = {"filters": {"web": {"short": 3}}, "deduplicate": {"web": {"exact_duplicate": 1}, "wiki": {"near": 1}}}
    found = funnel({"web": 10, "wiki": 2}, {}, decided, {"web": 6, "wiki": 1}, ORDER)
    check(found)
    assert [(one.kept) for one in found if one.source == "web"] == [10, 7, 7, 6, 6]
    with pytest.raises(GuardError, match="decontaminate, web"):
        check(funnel({"web": 10, "wiki": 2}, {}, decided, {"web": 5, "wiki": 1}, ORDER))


def test_pages_that_another_source_counts():
    found = funnel({"web": 10}, {"web": {"links": 4}}, {}, {"web": 6, "links": 4}, ORDER)
    check(found)
    assert {one.source: one.documents_in for one in found} == {"web": 6, "links": 4}
