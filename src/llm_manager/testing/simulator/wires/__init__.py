"""The wires the simulator speaks, one module each."""
