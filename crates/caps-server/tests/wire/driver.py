"""A driver for a vendor in another process: python3 driver.py STORE COUNT TRANSPORT"""

import sys

from client import Client
from roles import drive

store, count, transport = sys.argv[1:]
driver = Client(transport)
print("ready", flush=True)
drive(driver, store, int(count))
driver.close()
