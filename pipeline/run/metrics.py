"""What Spark itself counted: bytes that went through a shuffle."""

from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def shuffled_by_stage(spark: "SparkSession") -> dict[int, int]:
    """Bytes that each Spark stage so far wrote for a shuffle, by its number; empty where Spark tells nothing.

    From the store behind Spark's own web pages, which is filled also where they are switched off. It keeps the last
    `spark.ui.retainedStages` stages (1,000): read it before and after a part of a run, not once at the end.
    """
    gateway: Any = spark.sparkContext._gateway
    context = spark.sparkContext._jsc.sc()
    try:
        context.listenerBus().waitUntilEmpty()
        nothing = gateway.new_array(gateway.jvm.double, 0)
        stages = context.statusStore().stageList(None, False, False, nothing, gateway.jvm.java.util.ArrayList())
        found = [stages.apply(k) for k in range(stages.size())]
        return {stage.stageId(): stage.shuffleWriteBytes() for stage in found}
    except Py4JError:  # it is no public interface: a later Spark may have another
        return {}


def shuffled_between(before: dict[int, int], after: dict[int, int]) -> int | None:
    """Bytes of the stages that came after `before` was read; None where Spark told nothing."""
    return sum(n for stage, n in after.items() if stage > max(before, default=-1)) if after else None
