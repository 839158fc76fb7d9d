"""Object stores and web servers: an S3 server of our own (moto) behind a proxy that throttles and breaks off."""

import gzip
import http.client
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.run import run
from pipeline.run.fingerprint import resolve_inputs
from pipeline.sources import storage
from pipeline.sources.paths import open_input, resolve
from pipeline.sources.storage import patiently
from pipeline.sources.warc import Reading, file_rows
from tests.path import manifest
from tests.sources.archives import good, members

KEYS = ("crawl/a.warc.gz", "crawl/b.warc.gz", "lists/warc.paths.gz")
N = 40


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to moto; `refuse(number, path)` says what to do with the number-th GET instead."""

    moto = 0
    gets: ClassVar = Counter()
    refuse = staticmethod(lambda number, path: None)
    lock = threading.Lock()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        what = None
        if self.command == "GET" and ".warc.gz" in self.path:
            with self.lock:
                self.gets[self.path] += 1
                what = self.refuse(sum(self.gets.values()), self.path)
        if what == "slow down":
            body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
            self.answer(503, [("Content-Length", str(len(body)))], body)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.moto)
        connection.request(self.command, self.path, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        fields = [(k, v) for k, v in answer.getheaders() if k.lower() not in ("transfer-encoding", "connection")]
        self.answer(answer.status, fields, body[: len(body) // 2] if what == "break off" else body)
        if what == "break off":
            self.close_connection = True

    def answer(self, status, fields, body):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def endpoint():
    """The proxy's URL; the bucket holds two crawl files and a list of them."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    _, port = moto.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="x",
                          aws_secret_access_key="y")  # fmt: skip
    client.create_bucket(Bucket="gold")
    listed = gzip.compress("\n".join(KEYS[:2]).encode())
    bodies = (members(*map(good, range(N))), members(*map(good, range(N, 2 * N))), listed)
    for key, body in zip(KEYS, bodies, strict=True):
        client.put_object(Bucket="gold", Key=key, Body=body, ACL="public-read")
    Proxy.moto = port
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    moto.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses of a hundredth, and no stale listings."""
    monkeypatch.setattr(storage, "PAUSES", tuple(pause / 100 for pause in storage.PAUSES))
    Proxy.gets.clear()
    monkeypatch.setattr(Proxy, "refuse", staticmethod(lambda number, path: None))


def options(endpoint: str) -> dict:
    """One try a request: the patience that is tried is ours, not botocore's."""
    once = {"retries": {"max_attempts": 0}}
    return {"anon": True, "endpoint_url": endpoint, "config_kwargs": once, "use_listings_cache": False}


def test_what_fails_a_few_times_is_asked_for_again():
    failures = iter([OSError("slow"), TimeoutError(), ValueError("botocore"), None])

    def ask():
        if error := next(failures):
            raise error
        return "gold"

    assert patiently(ask) == "gold"
    with pytest.raises(OSError, match="failed 7 times: ZeroDivisionError"):
        patiently(lambda: 1 / 0)
    with pytest.raises(FileNotFoundError):
        patiently(lambda: open("/nowhere"))  # noqa: PTH123, SIM115


@pytest.mark.parametrize("what", ["slow down", "break off"])
def test_throttled_reads_give_every_byte(endpoint, monkeypatch, what):
    monkeypatch.setattr(Proxy, "refuse", staticmethod(lambda number, path: what if number % 3 else None))
    files = resolve(["s3://gold/crawl/*.gz"], None, options(endpoint))
    assert [file.path for file in files] == [f"s3://gold/{key}" for key in KEYS[:2]]
    with open_input(files[0].path, options(endpoint)) as stream:
        assert stream.read() == members(*map(good, range(N)))
        stream.seek(1000)
        assert stream.read(500) == members(*map(good, range(N)))[1000:1500]
    assert Proxy.gets.total() >= 3
    web = f"{endpoint}/gold/{KEYS[1]}"
    assert [file.path for file in resolve([web], None)] == [web]
    with open_input(web) as stream:
        assert stream.read() == members(*map(good, range(N, 2 * N)))


CONFIG = """
output: out
sources:
  crawl: {format: warc, paths: [PATHS], role: raw, storage_options: OPTIONS}
extract: {split_size: 3000}
quality: none
mixture: {token_budget: 1000}
guards: {max_unreadable_inputs: SHARE}
"""


def configured(folder, endpoint, paths, share=0.01):
    given = json.dumps(options(endpoint) | {"key": "CANARY-KEY", "secret": "CANARY-SECRET", "anon": False})
    text = CONFIG.replace("PATHS", paths).replace("OPTIONS", given).replace("SHARE", str(share))
    (folder / "config.yaml").write_text(text)
    return load_config(folder / "config.yaml")


def test_a_throttled_run_reads_all_and_writes_no_secret(endpoint, spark, monkeypatch, tmp_path):
    monkeypatch.setattr(Proxy, "refuse", staticmethod(lambda number, path: "slow down" if number % 4 == 0 else None))
    run(configured(tmp_path, endpoint, "s3://gold/crawl/"), lambda: spark, until="ingest")
    counts = manifest(tmp_path / "out")["stages"]["ingest"]["counts"]
    assert counts["documents"] == {"crawl": 2 * N}
    assert counts["rejected"] == {"crawl": {}}
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"CANARY" not in path.read_bytes(), path


def test_what_cannot_be_read_is_told_by_each_range(endpoint, monkeypatch):
    """The file by its first range, the others as read errors: the guard counts the file, once."""
    monkeypatch.setattr(Proxy, "refuse", staticmethod(lambda number, path: "slow down"))
    monkeypatch.setattr(storage, "PAUSES", (0.01,))
    reading = Reading("cc", "s3://gold/", "whole_page", 10_000_000, storage=options(endpoint))
    path = f"s3://gold/{KEYS[1]}"
    told = [row for a, b in ((0, 3000), (3000, None)) for row in file_rows(path, reading, a, b)]
    assert [(row.remark, row.offset) for row in told] == [("unreadable_input", 0), ("read_error", 3000)]
    assert all("failed 2 times" in row.metadata["detail"] for row in told)


def test_lists_of_paths(tmp_path):
    (tmp_path / "crawl").mkdir()
    for name in "ab":
        (tmp_path / "crawl" / f"{name}.warc.gz").write_bytes(members(good(1)))
    (tmp_path / "warc.paths.gz").write_bytes(gzip.compress(b"crawl/b.warc.gz\n\ncrawl/a.warc.gz\ncrawl/gone.warc.gz\n"))
    (tmp_path / "out.paths").write_text("../etc/passwd\n")
    text = CONFIG.replace("storage_options: OPTIONS", "BASE").replace("SHARE", "0.5")

    def inputs(paths, base):
        (tmp_path / "config.yaml").write_text(text.replace("PATHS", paths).replace("BASE", base))
        return resolve_inputs(load_config(tmp_path / "config.yaml"))["crawl"]

    found = inputs("warc.paths.gz", "base: .")
    assert [file.path.removeprefix(f"{tmp_path}/") for file in found] == [f"crawl/{n}.warc.gz" for n in ("b", "a", "gone")]
    assert [file.size > 0 for file in found] == [True, True, False]
    remote = inputs("warc.paths.gz", "base: 'https://data.example/'")
    assert remote[0].path == "https://data.example/crawl/b.warc.gz"
    with pytest.raises(ConfigError, match="leads out of `base`"):
        inputs("out.paths", "base: .")
    with pytest.raises(ConfigError, match="add `base:`"):
        inputs("warc.paths.gz", "limit: 1")
