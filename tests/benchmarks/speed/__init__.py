"""The parts of ``bench_speed.py``: what is measured, by whom, in which process, and how it is shown."""
