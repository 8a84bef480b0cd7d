"""The worker: a process that has imported Galaxy and forks for the programs that end every job.

Galaxy starts two programs of its own in its jobs: `data_fetch.py`, which is an upload, and `metadata/set.py`, which
follows every tool. Each works for a fraction of a second, after it has imported Galaxy's model, datatypes and cluster
clients for four to seven seconds. The worker (`serve`) imports them once and forks a process for each such program.

Jobs find it by a stand-in for `python` (`client`), which executes the real one wherever the worker can't help: while it
starts, after it was killed, for any other program. So a worker that is gone costs time and nothing else.

It runs in Galaxy's environment, where the package nebulab is not installed: only the standard library, and Galaxy.
"""
