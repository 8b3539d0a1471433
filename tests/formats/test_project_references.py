from guestwire.formats.project_references import follow, forget


def host() -> dict:
    return {
        "guests": {"a": {"nics": [{"network": "lan"}, {}], "image": "i"}, "b": {}},
        "areas": {"x": {"overrides": {"a": "R---", "b": "----"}}, "y": {"overrides": {"a": "R---"}}},
        "events": {"e": {"signal": ["a", "HOST"], "wait": ["a"]}},
        "queues": {"q": {"area": "x", "writers": ["b", "a"], "reader": "a"}},
        "locks": {"l": {"area": "x"}},
        "networks": {
            "lan": {"members": [{"guest": "a"}, {"guest": "b"}], "acl": [{"src": "a", "dst": "*"}, {"dst": "a"}]}
        },
    }


def test_a_new_name_is_written_wherever_the_old_one_was():
    made = host()
    follow(made, "guests", "a", "c")
    assert str(made) == str(host()).replace("'a'", "'c'").replace("{'c': {'nics'", "{'a': {'nics'")
    follow(made, "areas", "x", "z")
    assert (made["queues"]["q"]["area"], made["locks"]["l"]["area"]) == ("z", "z")
    follow(made, "networks", "lan", "wan")
    follow(made, "images", "i", "j")
    assert made["guests"]["a"] == {"nics": [{"network": "wan"}, {}], "image": "j"}


def test_a_new_name_of_nothing_that_is_referred_to_changes_nothing():
    made = host()
    for part in ("templates", "events", "queues", "locks"):
        follow(made, part, "a", "c")
    follow(made, "guests", "x", "c")
    assert made == host()


def test_a_guest_is_forgotten_where_it_is_one_of_many():
    made = host()
    forget(made, "guests", "a")
    assert made["areas"] == {"x": {"overrides": {"b": "----"}}, "y": {}}
    assert made["events"] == {"e": {"signal": ["HOST"]}}
    assert made["queues"] == {"q": {"area": "x", "writers": ["b"], "reader": "a"}}
    assert made["networks"]["lan"] == {**host()["networks"]["lan"], "members": [{"guest": "b"}]}
    forget(made, "areas", "x")
    assert "x" in made["areas"]
