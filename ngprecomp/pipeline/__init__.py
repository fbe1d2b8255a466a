"""Whole-volume jobs: plan, tasks, run, report."""
