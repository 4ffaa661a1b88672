"""The research engine: it takes a study from its controls through trials and verdicts to a report and a bundle.

It carries out what a researcher decides, asks the referee for every score and verdict, and keeps all it does in the
ledger, so that a study survives the death of any process.
"""
