"""Evaluation of the whole: a release made from the train file, asked through the engine that serves."""
