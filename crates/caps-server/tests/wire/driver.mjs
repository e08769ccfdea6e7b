// A driver for a vendor in another process: node driver.mjs STORE COUNT VERSION TRANSPORT
import { connect } from './client.mjs';
import { drive } from './roles.mjs';

const [store, count, version, transport] = process.argv.slice(2);
const driver = await connect({ version, transport });
console.log('ready');
await drive(driver, store, Number(count));
if (transport === 'upgrade') await driver.upgraded();
driver.close();
driver.checkAnswers();
