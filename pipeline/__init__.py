"""taojin (淘金): from Common Crawl and trusted sources to a pretraining corpus, on Apache Spark."""

__version__ = "0.1.0"
