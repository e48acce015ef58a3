"""Where batches write down what is done; whatever stands here passes ``tests/contracts/test_journals.py``."""
