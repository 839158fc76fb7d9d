"""Stage 8: renders the report from the stored counts.

Usage: spark-submit --py-files taojin.zip jobs/report.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="report")
