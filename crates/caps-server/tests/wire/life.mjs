// The whole life of an order, with every stock JavaScript client in every part.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS, connect, connectAs, name, store } from './client.mjs';
import { drive, sell } from './roles.mjs';

for (const vendorKind of KINDS) {
  for (const driverKind of KINDS) {
    test(`a vendor on ${name(vendorKind)} and a driver on ${name(driverKind)} live through three orders`, async () => {
      const shop = store();
      const driver = await connect(driverKind);
      const vendor = await connect(vendorKind);
      await Promise.all([drive(driver, shop, 3), sell(vendor, shop, 3)]);
      for (const client of [vendor, driver]) {
        if (client.kind.transport === 'upgrade') await client.upgraded();
        const wanted = client.kind.transport === 'polling' ? 'polling' : 'websocket';
        assert.equal(client.socket.io.engine.transport.name, wanted);
        assert.equal(client.losses, 0);
      }
    });
  }
}

for (const kind of KINDS.filter(({ version }) => version !== '2.5')) {
  test(`a vendor and a driver that say who they are on ${name(kind)} live through three orders`, async () => {
    const shop = store();
    const driver = await connectAs('driver', 'ann', kind);
    const vendor = await connectAs('vendor', shop, kind);
    await Promise.all([drive(driver, shop, 3), sell(vendor, shop, 3)]);
  });
}
