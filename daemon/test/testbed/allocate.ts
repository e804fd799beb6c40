/** `node allocate.ts ADDRESS PORT USERNAME PASSWORD`: ends with 0 when a TURN allocation is granted. Runs on another host. */
import t from 'tap';
import { TurnClient } from '../helpers/turn-client.ts';

const [address = '', port = '', username = '', password = ''] = process.argv.slice(2);

t.test('an allocation', async (t) => {
  const client = await TurnClient.open(t, {
    transport: 'udp',
    address,
    port: Number(port),
    username,
    password,
  });
  t.equal((await client.allocate()).code, 'success');
});
