"""What the Hugging Face Hub expects of models and datasets: cards and Parquet files."""
