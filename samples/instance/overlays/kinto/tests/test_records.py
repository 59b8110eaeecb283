#!/usr/bin/env python3
"""Records through the API, as an application uses them.

A file of pytest's. Where there is no pytest it tells the same tests as TAP, so that it runs with nothing but Python.
"""

import base64
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from urllib.parse import quote

COLLECTION = "/v1/buckets/default/collections/test" + secrets.token_hex(4)


def ask(method, path, data=None, user="tester"):
    login = base64.b64encode(f"{user}:{user}".encode()).decode()
    headers = {"Authorization": "Basic " + login, "Content-Type": "application/json"}
    body = None if data is None else json.dumps({"data": data}).encode()
    request = urllib.request.Request(os.environ["SIMMER_URL"] + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, None


def test_a_record_is_kept():
    status, _ = ask("PUT", COLLECTION + "/records/first", {"fruit": "apple", "price": 3})
    assert status == 201
    status, body = ask("GET", COLLECTION + "/records/first")
    assert status == 200
    assert body["data"]["fruit"] == "apple" and body["data"]["price"] == 3


def test_records_are_found_by_what_is_in_them():
    for fruit, price in [("pear", 4), ("plum", 2)]:
        assert ask("POST", COLLECTION + "/records", {"fruit": fruit, "price": price})[0] == 201
    status, body = ask("GET", COLLECTION + "/records?min_price=3&_sort=price")
    assert status == 200
    assert [one["fruit"] for one in body["data"]] == ["apple", "pear"]


def test_words_of_any_alphabet_come_back():
    word = "Grüße, 世界 — \U0001f34e"
    assert ask("PUT", COLLECTION + "/records/words", {"word": word})[0] == 201
    assert ask("GET", COLLECTION + "/records?word=" + quote(word))[1]["data"][0]["word"] == word


def test_a_removed_record_is_gone():
    assert ask("DELETE", COLLECTION + "/records/first")[0] == 200
    assert ask("GET", COLLECTION + "/records/first")[0] == 404


def test_another_user_sees_none_of_it():
    status, body = ask("GET", COLLECTION + "/records", user="somebody")
    assert status in (401, 403, 404) or body["data"] == []


def tell_as_tap():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    print("TAP version 13", f"1..{len(tests)}", sep="\n")
    bad = 0
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print("ok", number, "-", name)
        except Exception as error:
            bad += 1
            print("not ok", number, "-", name)
            print("#", type(error).__name__, error)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        import pytest
    except ImportError:
        sys.exit(tell_as_tap())
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider", "--junitxml=" + os.environ["SIMMER_JUNIT"]]))
