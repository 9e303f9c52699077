"""Public ids."""

from storage.ids import item_prefix, new_id


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id("conv") for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(one.startswith("conv_") and len(one) == len("conv_") + 48 for one in ids)
    times = [one[5:17] for one in ids]
    assert times == sorted(times)


def test_unknown_kinds_are_items() -> None:
    assert (item_prefix("message"), item_prefix("web_search_call")) == ("msg", "item")
