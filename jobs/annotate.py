"""Stage 3: measures every document once.

Usage: spark-submit --py-files taojin.zip jobs/annotate.py CONFIG [key.sub=value ...]
"""

from pipeline.cli import job_main

if __name__ == "__main__":
    job_main(only="annotate")
