"""`taojin explain`: one record's whole way through a run, from its published tables. Reads them without Spark."""

from pipeline.errors import InputError
from pipeline.explain.records import find, tables
from pipeline.explain.telling import tell, tell_rejected
from pipeline.run.output import Output

SHOWN = 5  # documents or records of one URL


def explain(output: str, key: str) -> str:
    """What happened to the documents and rejected records of an id or a URL.

    Raises InputError if the run has none, OutputError for a folder that no run has written.
    """
    known = tables(Output(output))
    documents, rejected = find(known, key)
    if not documents and not rejected:
        raise InputError(
            f"{key}: {output} holds no document and no rejected record of this id or URL; "
            "ids are in documents/ and rejected/, a URL is compared as it was crawled"
        )
    told = [tell(known, one) for one in documents[:SHOWN]] + [tell_rejected(one) for one in rejected[:SHOWN]]
    more = len(documents) + len(rejected) - len(told)
    return "\n\n".join(told + ([f"and {more:,} more of this id or URL"] if more else []))
