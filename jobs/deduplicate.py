"""Stage 5: finds exact and near duplicates among what is kept.

Usage: spark-submit --py-files taojin.zip jobs/deduplicate.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="deduplicate")
