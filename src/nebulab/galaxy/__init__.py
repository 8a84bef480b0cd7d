"""Galaxy's API as this project needs it: connection, history, transfer; runs everywhere.

Nothing else in the tree makes a request to Galaxy, the broker's relay aside. Requests are small ones through httpx, and
files through urllib3, whose reads and writes cost less of a processor than those of httpx.
"""
