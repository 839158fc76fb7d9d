"""Stage 1: reads every source into documents/ and rejected/.

Usage: spark-submit --py-files taojin.zip jobs/ingest.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="ingest")
