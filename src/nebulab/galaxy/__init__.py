"""Galaxy's API as this project needs it: connection, history, transfer; runs everywhere.

Nothing else in the tree makes a request to Galaxy, the broker's relay aside, and the BioBlend connection of a notebook
that asks for one; `tests/unit/galaxy/test_requests.py` keeps it so. Small requests go through httpx, or aiohttp in two
processes that only look; files through urllib3, whose reads and writes cost less of a processor than those of httpx.
"""
