"""Galaxy's API as this project needs it: connection, history, transfer; runs everywhere.

Nothing else in the tree makes a request to Galaxy, the broker's relay aside. Small requests go through httpx, bodies of
files through urllib3, whose reads and writes cost less processor time than those of httpx.
"""
