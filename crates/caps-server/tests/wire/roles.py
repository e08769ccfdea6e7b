"""The two parts of the whole life of an order, as in roles.mjs."""

from client import message, ok, order


def drive(driver, store, count):
    """A driver that listens: each order that it hears of, it carries to its door."""
    for _ in range(count):
        pickup = driver.next("pickup")
        assert pickup == message("pickup", pickup["order"]), pickup
        assert pickup["clientId"] == store, pickup
        message_id = pickup["messageId"]
        ok(driver.ask("in-transit", pickup), messageId=message_id)
        ok(driver.ask("delivered", pickup), messageId=message_id)
        ok(driver.ask("received", pickup))
    assert driver.queue(store, "pickup") == []
    assert driver.unread() == {}, driver.unread()


def sell(vendor, store, count):
    """A vendor that places orders one after the other and hears of each until it is at its door."""
    ok(vendor.ask("join", store))
    for i in range(count):
        placed = order(store, f"order-{i}", items=[{"sku": "ż-1", "count": i, "price": 1.0}])
        ok(vendor.ask("pickup", placed), messageId=placed["orderId"])
        transit = vendor.next("in-transit")
        assert transit == message("in-transit", placed), transit
        delivered = vendor.next("delivered")
        assert delivered == message("delivered", placed), delivered
        ok(vendor.ask("received", delivered), removed=1)
    assert vendor.queue(store, "in-transit") == []
    assert vendor.queue(store, "delivered") == []
    assert vendor.unread() == {}, vendor.unread()
