"""Stage 6: finds benchmark items in what is kept.

Usage: spark-submit --py-files taojin.zip jobs/decontaminate.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="decontaminate")
