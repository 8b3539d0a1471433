"""The topic tree agrees with the plain definition of matching, and leaves nothing behind."""

from hypothesis import given
from hypothesis import strategies as st

from guestwire.broker_test.topic_tree import TopicTree
from guestwire.link.topic_filters import matches, valid_topic_filter, valid_topic_name

LEVEL = st.sampled_from(["a", "b", "", "$x"])
NAMES = st.lists(LEVEL, min_size=1, max_size=4).map("/".join).filter(valid_topic_name)
FILTERS = st.lists(LEVEL | st.sampled_from(["+", "#"]), min_size=1, max_size=4).map("/".join).filter(valid_topic_filter)


@given(st.sets(FILTERS, max_size=12), NAMES)
def test_filters_that_match_a_name(filters, name):
    tree = TopicTree()
    for path in filters:
        tree.put(path, path, path)
    assert sorted(x for _, x in tree.under_filters_matching(name)) == sorted(x for x in filters if matches(x, name))


@given(st.sets(NAMES, max_size=12), FILTERS)
def test_names_that_a_filter_matches(names, topic_filter):
    tree = TopicTree()
    for path in names:
        tree.put(path, path, path)
    found = sorted(x for _, x in tree.under_names_matching(topic_filter))
    assert found == sorted(x for x in names if matches(topic_filter, x))


@given(st.lists(st.tuples(NAMES, st.sampled_from("kl")), max_size=12))
def test_remove_leaves_nothing(entries):
    tree = TopicTree()
    for path, key in entries:
        tree.put(path, key, path)
    tree.remove("never/there", "k")
    for path, key in entries:
        tree.remove(path, key)
        tree.remove(path, key)
    assert not tree._root.children


def test_two_keys_on_one_path():
    tree = TopicTree()
    tree.put("a", "k", 1)
    tree.put("a", "l", 2)
    tree.put("a", "k", 3)
    assert sorted(tree.under_filters_matching("a")) == [("k", 3), ("l", 2)]
    tree.remove("a", "k")
    assert list(tree.under_filters_matching("a")) == [("l", 2)]
