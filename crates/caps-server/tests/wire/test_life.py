"""The stock Python client in both parts of the whole life of an order."""

import threading
import unittest

from client import TRANSPORTS, Case, message, ok, order, refused
from roles import drive, sell


class Life(Case):
    def life(self, vendor, driver, store):
        failures = []

        def drives():
            try:
                drive(driver, store, 3)
            except BaseException as failure:  # told by the main thread
                failures.append(failure)

        thread = threading.Thread(target=drives)
        thread.start()
        try:
            sell(vendor, store, 3)
        finally:
            thread.join()
            self.assertEqual(failures, [])

    def test_a_vendor_and_a_driver_on_every_transport_live_through_three_orders(self):
        for one in TRANSPORTS:
            for other in TRANSPORTS:
                with self.subTest(vendor=one, driver=other):
                    store = f"{self.store()}-{one}-{other}"
                    vendor, driver = self.connect(one), self.connect(other)
                    self.life(vendor, driver, store)
                    for client, transport in ((vendor, one), (driver, other)):
                        wanted = "polling" if transport == "polling" else "websocket"
                        self.assertEqual(client.transport(), wanted)
                        self.assertEqual(client.losses, 0)
                        client.socket.disconnect()

    def test_a_vendor_and_a_driver_that_say_who_they_are_live_through_three_orders(self):
        store = self.store()
        vendor = self.connect(auth={"role": "vendor", "clientId": store})
        driver = self.connect(auth={"role": "driver", "clientId": "ann"})
        self.life(vendor, driver, store)

    def test_a_vendor_who_was_away_gets_every_delivery(self):
        store = self.store()
        vendor = self.connect()
        placed = [order(store, f"order-{i}") for i in range(9)]
        for one in placed:
            ok(vendor.ask("pickup", one), messageId=one["orderId"])
        vendor.socket.disconnect()
        driver = self.connect()
        for one in driver.queue(store, "pickup"):
            ok(driver.ask("in-transit", one))
            ok(driver.ask("delivered", one))
            ok(driver.ask("received", one))
        back = self.connect()
        wanted = [message("delivered", one) for one in placed]
        self.assertEqual(back.queue(store, "delivered"), wanted)
        ids = [one["orderId"] for one in placed]
        receipt = {"clientId": store, "event": "delivered", "messageIds": ids}
        ok(back.ask("received", receipt), removed=9)
        self.assertEqual(back.queue(store, "delivered"), [])

    def test_an_order_that_a_driver_gives_back_goes_to_another(self):
        store = self.store()
        vendor = self.connect(auth={"role": "vendor", "clientId": store})
        ann, bob = self.connect(), self.connect()
        ok(vendor.ask("join", store))
        placed = order(store, "one")
        ok(vendor.ask("pickup", placed))
        pickup = ann.next("pickup")
        self.assertEqual(bob.next("pickup"), pickup)
        ok(ann.ask("in-transit", pickup))
        refused(bob.ask("release", pickup), "already_claimed")
        ok(ann.ask("release", pickup), messageId="one")
        self.assertEqual(bob.next("pickup"), pickup)
        ok(ann.ask("release", pickup), duplicate=True)
        ok(bob.ask("in-transit", pickup))
        ok(bob.ask("delivered", pickup))
        self.assertEqual(vendor.next("in-transit"), message("in-transit", placed))
        self.assertEqual(vendor.next("delivered"), message("delivered", placed))
        self.assertEqual(vendor.unread(), {})


if __name__ == "__main__":
    unittest.main()
