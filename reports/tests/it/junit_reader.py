"""Reads JUnit XML from stdin with nothing but the standard library; a line for each case, then the suite's counts."""
import sys
import xml.etree.ElementTree as tree

for suite in tree.parse(sys.stdin.buffer).getroot().iter("testsuite"):
    name = suite.get("name")
    for case in suite.iter("testcase"):
        outcome, message = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome, message = child.tag, child.get("message", "")
        print(name, case.get("name"), outcome, message, sep=" | ")
    counts = [suite.get(key) + " " + key for key in ("tests", "failures", "errors", "skipped")]
    print(name, ", ".join(counts), sep=" | ")
