"""Stage 4: decides by language, filters and quality.

Usage: spark-submit --py-files taojin.zip jobs/verdict.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="verdict")
