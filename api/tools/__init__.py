"""The tools that agents are given: one module for each subject, and the protocol they speak."""
