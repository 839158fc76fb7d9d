"""The commands, each a few lines. Spark and the models are imported by the command that needs them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.ending import finishing, stopping_spark
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline.config import Config

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="From Common Crawl and trusted sources to a pretraining corpus, as the data section of the GPT-3 paper "
    "describes, on Apache Spark.",
)

Arguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CONFIG] [KEY.SUB=VALUE]", help="YAML file, and keys to set over it.", show_default=False),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs left and do every stage again.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="The folder that a run wrote.", show_default=False)]


@app.command()
def run(
    arguments: Arguments = None,
    fresh: Fresh = False,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="Stop after: ingest, train_quality, annotate, verdict, deduplicate, decontaminate, mix or report.",
        ),
    ] = None,
    master: Annotated[
        str | None, typer.Option(metavar="URL", help="Spark master for local use, as local[4]. Default: the config's.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make a corpus: every stage, going on where an earlier run stopped.

    Without CONFIG it makes one from the built-in sample, in out/sample.

    Relative paths, also those given as KEY.SUB=VALUE, are relative to CONFIG's folder.
    """
    with finishing(debug):
        path, overrides = split_arguments(arguments or [])
        if master:
            overrides.append(f"spark.master={master!r}")
        if path is None:
            path = _write_sample(Path("out", "sample-input"))
            overrides.insert(0, f"output={str(Path('out', 'sample').absolute())!r}")
        curate(path, overrides, until=until, fresh=fresh)


@app.command()
def plan(
    arguments: Arguments = None,
    debug: Debug = False,
) -> None:
    """Forecast a run from a little of every input: documents, tokens, epochs, disk, time, and what is impossible.

    Reads the first megabytes of a few files of each source and runs the first stages over them. Writes nothing.
    """
    with finishing(debug):
        path, overrides = split_arguments(arguments or [])
        if path is None:
            raise ConfigError("command line: no config given; allowed: CONFIG [key.sub=value ...]")
        _plan(path, overrides)


@app.command()
def explain(
    output: Output,
    key: Annotated[str, typer.Argument(metavar="ID_OR_URL", help="Of a document or a record.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Show one record's whole way: what was measured, each limit, the draw, what replaced it."""
    with finishing(debug):
        from pipeline.explain import explain as tell

        print(tell(output, key))


@app.command()
def report(output: Output, debug: Debug = False) -> None:
    """Render OUTPUT/report again from the stored counts."""
    with finishing(debug):
        from pipeline.run import report as render

        render(output)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it.", show_default=False)],
    debug: Debug = False,
) -> None:
    """Write the built-in sample (crawl, curated text, benchmark, config) to DIR."""
    with finishing(debug):
        print(f"taojin run {_write_sample(folder)}")


@app.command()
def verify(output: Output, debug: Debug = False) -> None:
    """Re-read what a run wrote to OUTPUT, against its lists; name what is damaged.

    Exit code 1 if a shard or a table's file is missing, was changed, or was written by no run.
    """
    with finishing(debug):
        from pipeline.run import verify as check

        print(check(output))


@app.command()
def schema() -> None:
    """Print the config's JSON Schema, for editors."""
    from pipeline.config import schema_json

    print(schema_json())


def main() -> None:
    """The program."""
    app(prog_name="taojin")


def job_main(only: str | None) -> None:
    """An entry point of jobs/, for spark-submit: the whole run, or `only` one stage of it."""

    def job(arguments: Arguments = None, fresh: Fresh = False, debug: Debug = False) -> None:
        with finishing(debug):
            path, overrides = split_arguments(arguments or [])
            if path is None:
                raise ConfigError("command line: no config given; allowed: CONFIG [key.sub=value ...]")
            curate(path, overrides, only=only, fresh=fresh)

    job.__doc__ = f"Run {'every stage' if only is None else f'the stage {only}'}, under spark-submit."
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    program.command()(job)
    program()


def split_arguments(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The config, if the first argument is one, and the overrides.

    >>> split_arguments(["seed=1"])
    (None, ['seed=1'])
    """
    first, rest = (Path(arguments[0]), arguments[1:]) if arguments else (None, ())
    if first and "=" in arguments[0] and not first.exists():
        first, rest = None, arguments
    for text in rest:
        if "=" not in text:
            raise ConfigError(f"command line: {text!r} given; allowed: one config, then key.sub=value")
    return first, list(rest)


def curate(
    path: Path, overrides: Sequence[str], *, until: str | None = None, only: str | None = None, fresh: bool = False
) -> None:
    """Loads the config, then runs; the session is opened by the first stage that needs it and stopped here."""
    from pipeline.config import load_config
    from pipeline.schema import STAGES

    if until is not None and until not in STAGES:
        raise ConfigError(f"command line: --until {until} given; allowed: {', '.join(STAGES)}")
    config = load_config(path, overrides)
    from pipeline.run import run as run_stages

    with stopping_spark(lambda: _open_spark(config)) as open_spark:
        run_stages(config, open_spark, until=until, only=only, fresh=fresh)


def _plan(path: Path, overrides: Sequence[str]) -> None:
    from pipeline.config import load_config
    from pipeline.report.forecast import forecast_text

    config = load_config(path, overrides)
    from pipeline.run.planning import forecast

    with stopping_spark(lambda: _open_spark(config)) as open_spark:
        made = forecast(config, open_spark)
    print(f"\n{forecast_text(made)}")


def _open_spark(config: "Config") -> "SparkSession":
    from pipeline.session import open_session

    return open_session(config.spark.master, config.spark.conf)


def _write_sample(folder: Path) -> Path:
    from pipeline.sample import write_sample

    return write_sample(folder)
