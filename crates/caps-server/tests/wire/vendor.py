"""A vendor for a driver in another process: python3 vendor.py STORE COUNT TRANSPORT"""

import sys

from client import Client
from roles import sell

store, count, transport = sys.argv[1:]
vendor = Client(transport)
print("ready", flush=True)
sell(vendor, store, int(count))
vendor.close()
