"""What only a client of another language than JavaScript can say and see."""

import json
import unittest

from client import Case, message, ok, order, refused


class Words(Case):
    def test_an_order_keeps_its_numbers_its_characters_and_the_order_of_its_fields(self):
        store = self.store()
        vendor, driver = self.connect(), self.connect("polling")
        placed = {
            "zeta": 1.0,
            "one": 1,
            "store": store,
            "orderId": 12345678901234567890,
            "big": 98765432109876543210987654321098765432109876543210,
            "small": 5e-324,
            "negative": -0.0,
            "10": "ten",
            "9": "nine",
            "": "żółw 🦀 \u0000 \u2028",
            "alpha": [[], {}, {"b": None, "a": True}],
        }
        text = json.dumps(placed)
        answer = ok(vendor.ask("pickup", placed))
        self.assertEqual(str(answer["messageId"]), "12345678901234567890")
        heard = driver.next("pickup")
        self.assertEqual(json.dumps(heard["order"]), text)
        self.assertEqual(str(heard["messageId"]), "12345678901234567890")
        ok(driver.ask("delivered", {**heard, "messageId": 12345678901234567890}))
        ok(vendor.ask("getAll", {"clientId": store, "event": "delivered"}), count=1)
        self.assertEqual(json.dumps(vendor.next("delivered")["order"]), text)

    def test_a_proof_of_delivery_keeps_its_numbers_and_the_order_of_its_fields(self):
        store = self.store()
        vendor, driver = self.connect(), self.connect("polling")
        ok(vendor.ask("join", store))
        ok(vendor.ask("pickup", order(store, "one")))
        pickup = driver.next("pickup")
        proof = {"scannedAt": 1.0, "driver": "Zoë 🦀", "code": 98765432109876543210, "10": None, "9": [{}]}
        ok(driver.ask("delivered", {**pickup, "proof": proof}), messageId="one")
        heard = vendor.next("delivered")
        self.assertEqual(list(heard), ["event", "messageId", "clientId", "order", "proof"])
        self.assertEqual(json.dumps(heard["proof"]), json.dumps(proof))
        refused(driver.ask("delivered", {**pickup, "proof": "signed"}), "invalid_payload")
        ok(driver.ask("delivered", {**pickup, "proof": {}}), duplicate=True)

    def test_bad_input_is_answered_and_leaves_the_line_open(self):
        store = self.store()
        hostile, driver = self.connect(), self.connect()
        bad = [
            ("pickup",),
            ("pickup", None),
            ("pickup", 7),
            ("pickup", []),
            ("pickup", "not an order"),
            ("pickup", {"orderId": "one"}),
            ("pickup", {"store": store, "orderId": float("1e300")}),
            ("pickup", b"\x00\xff"),
            ("pickup", {"store": store, "orderId": "one", "photo": b"\x00\xff"}),
            ("received", {"clientId": store}),
            ("join", {"clientId": ""}),
        ]
        for event, *args in bad:
            with self.subTest(event=event, args=args):
                told = refused(hostile.ask(event, *args), "invalid_payload")
                self.assertFalse(told["temporary"])
                hostile.tell(event, *args)
                self.assertEqual(hostile.next("exception"), told)
        refused(hostile.ask("nonsense", {"store": store}), "unknown_event")
        giant = order(store, "giant", note="x" * 1_000_000)
        refused(hostile.ask("pickup", giant), "payload_too_large")
        ok(hostile.ask("pickup", order(store, "good")), messageId="good")
        self.assertEqual(driver.next("pickup"), message("pickup", order(store, "good")))
        self.assertEqual(driver.unread(), {})
        self.assertEqual(hostile.losses, 0)


if __name__ == "__main__":
    unittest.main()
