"""Stage 2: fits the quality classifier, references against raw.

Usage: spark-submit --py-files taojin.zip jobs/train_quality.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="train_quality")
