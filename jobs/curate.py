"""The whole run, every stage in order.

Usage: spark-submit --py-files taojin.zip jobs/curate.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only=None)
