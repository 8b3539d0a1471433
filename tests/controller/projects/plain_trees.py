"""Small trees for property tests: the same names and values again and again, so that changes meet."""

from hypothesis import strategies as st

_values = st.integers(0, 2)
_guest = st.dictionaries(st.sampled_from(("vcpus", "memory_mib", "order")), _values, max_size=3)
_area = st.fixed_dictionaries(
    {"size": _values}, optional={"overrides": st.dictionaries(st.sampled_from("ab"), _values, max_size=2)}
)
plain_trees = st.fixed_dictionaries(
    {},
    optional={
        "guests": st.dictionaries(st.sampled_from("abc"), _guest, min_size=1, max_size=3),
        "areas": st.dictionaries(st.sampled_from("st"), _area, min_size=1, max_size=2),
        "policy": st.dictionaries(st.sampled_from(("profile", "limits")), _values, min_size=1, max_size=2),
        "host_cpuset": _values,
    },
)
