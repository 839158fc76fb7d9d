"""The report's parts in reading order: what one decides by first, what explains it next, what proves it last."""

import json

from pipeline.report.counts import Counts
from pipeline.report.findings import (
    contamination_section,
    duplicates_section,
    languages_section,
    time_section,
)
from pipeline.report.funnel import funnel_section, sources_section, warnings_section
from pipeline.report.mixing import mixture_section
from pipeline.report.quality import quality_section
from pipeline.report.reasons import reasons_section
from pipeline.report.tables import Section
from pipeline.report.untrusted import cut_middle, visible


def sections(counts: Counts) -> list[Section]:
    """All sections; one whose stage did not run says so."""
    return [
        mixture_section(counts.mixture),
        funnel_section(counts.funnel),
        reasons_section(counts),
        warnings_section(counts),
        languages_section(counts.languages),
        quality_section(counts.quality),
        duplicates_section(counts.duplicates),
        contamination_section(counts),
        sources_section(counts.sources),
        time_section(counts.stages),
    ]


def config_text(counts: Counts) -> str:
    """The resolved config as JSON, a line at most 400 characters long."""
    lines = json.dumps(counts.config, ensure_ascii=False, indent=2).splitlines()
    return "\n".join(cut_middle(visible(line), 400) for line in lines)
