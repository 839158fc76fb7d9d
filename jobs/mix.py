"""Stage 7: draws the mixture and writes the shards.

Usage: spark-submit --py-files taojin.zip jobs/mix.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="mix")
