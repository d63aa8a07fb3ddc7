"""Writes every file of test vectors: python make_vectors.py --out DIR"""

import argparse
import importlib
import json
import pathlib

FILES = [
    *("names", "locators", "crypto", "handshake", "handshake_refused", "records", "streams", "pair", "cells", "introduced"),
    *("onion_cells", "hop_handshake", "links", "messages", "pacing", "paced_cells"),
    *("tickets", "calls", "locations"),
    *("captp_syrup", "captp_ops", "captp_certificates"),
]


def main():
    parser = argparse.ArgumentParser(description="Write the test vectors of the pluribus-mix specification.")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--only", choices=FILES, action="append")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only or FILES:
        made = importlib.import_module("cases_" + name).make()
        seen = [case["name"] for case in made["cases"]]
        assert len(set(seen)) == len(seen), [x for x in seen if seen.count(x) > 1]
        assert {x for case in made["cases"] for x in case["clauses"]} == set(made["spec"]), name
        text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
        (args.out / (name + ".json")).write_bytes(text.encode("ascii"))
        print(f"{name}.json: {len(seen)} cases")


if __name__ == "__main__":
    main()
