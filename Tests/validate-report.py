#!/usr/bin/env python3
"""Checks a JSON report of Stoker against its schema."""

import argparse
import json
import pathlib
import sys

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parent.parent / "docs/schema/stoker.report-1.json"


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def problem(report, schema):
    """The first thing that is wrong, in one line; None when nothing is."""
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(report))
    if error is None:
        return None
    return f"{error.json_path}: {' '.join(error.message.split())[:300]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the report; - reads standard input")
    parser.add_argument("--schema", type=pathlib.Path, default=SCHEMA, help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        schema = json.loads(arguments.schema.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        if arguments.file == "-":
            data = sys.stdin.buffer.read()
        else:
            data = pathlib.Path(arguments.file).read_bytes()
        why = problem(json.loads(data.decode("utf-8"), parse_constant=refuse), schema)
    except (OSError, ValueError, jsonschema.exceptions.SchemaError) as error:
        why = " ".join(str(error).split())[:300]
    if why:
        sys.exit(f"{arguments.file}: {why}")


if __name__ == "__main__":
    main()
