"""What a test needs to run a pipeline without the world: virtual time, scripted providers, a simulator, laws."""
