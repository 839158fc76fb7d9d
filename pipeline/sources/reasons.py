"""Why a piece of input gave no document: each reason once, with the sentence that the report prints."""

# The record's header was read, so the record is in the counts and the row stands for it: for every file
# response + resource + revisit + conversion records (or rows, files, pieces, wiki pages) = documents + rejected rows of
# these reasons.
RECORD_REASONS = {
    "http_status": "the response's status is not 200",
    "not_html": "the record is no HTML page",
    "revisit": "the record only points to an earlier capture",
    "no_text": "the page has no main text, or the row no text",
    "too_large": "the record, or what it decodes to, is larger than max_record_bytes",
    "too_deep": "elements nested or attributes piled so high that extraction would not end in useful time",
    "extract_failed": "the page made a parser fail, crash or take over 20 s; `metadata.detail` of the reading says how",
    "bad_content_encoding": "the body cannot be decoded as its Content-Encoding says, and is no text as it stands",
    "bad_length": "the record's Content-Length is missing or contradicts where the next record begins",
    "truncated_record": "the file ends before the record does",
    "corrupt_record": "the record's compressed bytes are damaged",
    "url_list": "a list of `extract.url_lists` names the page, its host or a word of its URL",
    "redirect": "the wiki page only leads to another",
    "namespace": "the wiki page is none of the namespaces asked for",
    "bad_xml": "the wiki page is no XML",
    "bad_json": "the line is no JSON object",
}

# Bytes that carry no readable record: `offset` and `length` say where; nothing is counted for them.
STRETCH_REASONS = {
    "corrupt_member": "compressed bytes that cannot be read; reading went on at the next record",
    "garbage": "bytes between records that belong to none",
    "bad_header": "a record header over 64 KiB or without WARC-Type",
    "damaged_other": "a damaged request, metadata or other record that is never a document",
    "bad_link": "a line of a list of links that holds no URL, or no number as score",
    "bad_capture": "a row of the index of captures leads to no record",
    "read_error": "reading the file stopped with an error; what follows `offset` is missing",
}

# The whole file gave nothing; the guard `max_unreadable_inputs` counts these, and `read_error`. `metadata.detail` says more.
FILE_REASONS = {
    "unreadable_input": "the file is missing, empty, or holds no record",
    "unsupported_compression": "lz4 files are not read; gzip, zstd and plain files are",
}

REASONS = RECORD_REASONS | STRETCH_REASONS | FILE_REASONS
