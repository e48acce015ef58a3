"""llm_manager: typed, composable pipelines for programs that talk to language models."""
