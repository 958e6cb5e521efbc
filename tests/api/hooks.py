"""What schemathesis is told beside the document: how a job looks that the station takes.

A job that random data make keeps the document and is still refused by the product's rules: no generator draws a NIK that
agrees with a date of birth. So most of the valid posts carry a fictional job of our own, new at every request; the others
and everything that must be refused stay random.
"""

import itertools
import os
import sys

import schemathesis
from hypothesis.internal import lambda_sources
from schemathesis.generation import GenerationMode

sys.path.insert(0, os.path.dirname(__file__))
import jobs  # noqa: E402

turns = itertools.count()

# CPython 3.11 can lose count of its recursion in ast.parse (SystemError), which hypothesis calls to give a lambda a name.
described = lambda_sources.lambda_description


def lambda_description(function):
    try:
        return described(function)
    except SystemError:
        return "lambda ..."


lambda_sources.lambda_description = lambda_description


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.label != "POST /v1/jobs":
        return
    meta = case.meta
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    turn = next(turns)
    if case.media_type == "application/json" and turn % 8:
        case.body = jobs.child()
        # The same key with another body is a conflict, which the random ones try often enough.
        if case.headers:
            case.headers.pop("Idempotency-Key", None)


@schemathesis.hook
def before_add_examples(context, examples):
    """So that there are enough whatever chance does."""
    operation = context.operation
    if operation.label != "POST /v1/jobs":
        return
    for _ in range(int(os.environ.get("KARTU_API_JOBS", "520"))):
        examples.append(operation.Case(body=jobs.child("EX"), media_type="application/json"))
