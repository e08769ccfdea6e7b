// A vendor for a driver in another process: node vendor.mjs STORE COUNT VERSION TRANSPORT
import { connect } from './client.mjs';
import { sell } from './roles.mjs';

const [store, count, version, transport] = process.argv.slice(2);
const vendor = await connect({ version, transport });
console.log('ready');
await sell(vendor, store, Number(count));
if (transport === 'upgrade') await vendor.upgraded();
vendor.close();
vendor.checkAnswers();
