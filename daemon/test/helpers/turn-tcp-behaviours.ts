/** What RFC 6062 asks of a TURN server that relays TCP, as rows like those of RFC 8656. */
import assert from 'node:assert/strict';
import { ATTRIBUTE, METHOD, TRANSPORT_TCP } from '../../turn/codec/attribute-types.ts';
import { connectionId, readConnectionId, requestedTransport } from '../../turn/codec/attributes.ts';
import {
  attributeOf,
  buildStun,
  parseStun,
  type StunAttribute,
  type StunMessage,
} from '../../turn/codec/stun-message.ts';
import { gives, relayedOf, type Asker, type Behaviour } from './turn-behaviours.ts';
import { TcpPeer } from './turn-tcp-relay.ts';

const tcp = requestedTransport(TRANSPORT_TCP);

/** Allocates. @returns the relayed address. */
async function allocated(client: Asker): Promise<{ address: string; port: number }> {
  const answer = await client.ask(METHOD.ALLOCATE, [tcp]);
  gives(answer, 'success', 'Allocate');
  return relayedOf(answer)[0]!;
}

function idOf(answer: StunMessage): StunAttribute {
  gives(answer, 'success', 'Connect');
  return connectionId(readConnectionId(attributeOf(answer, ATTRIBUTE.CONNECTION_ID) ?? Buffer.alloc(0))!);
}

export const TCP_BEHAVIOURS: readonly Behaviour[] = [
  {
    name: '400 for a TCP allocation with attributes of datagrams',
    rfc: 'RFC 6062 5.1',
    codes: [400],
    check: async (client) => {
      for (const [type, length] of [
        [ATTRIBUTE.DONT_FRAGMENT, 0],
        [ATTRIBUTE.EVEN_PORT, 1],
        [ATTRIBUTE.RESERVATION_TOKEN, 8],
      ] as const) {
        const attribute = { type, value: Buffer.alloc(length) };
        gives(await client.ask(METHOD.ALLOCATE, [tcp, attribute]), 400, `attribute ${type}`);
      }
      gives(await client.ask(METHOD.ALLOCATE, [requestedTransport(33)]), 442, 'another protocol');
      await allocated(client);
    },
  },
  {
    name: 'Connect: 437 without an allocation, 400 without a peer, 403 for one that is not allowed',
    rfc: 'RFC 6062 5.2',
    codes: [400, 403, 437, 443],
    check: async (client, { peerAddress }) => {
      gives(await client.about(METHOD.CONNECT, [{ address: peerAddress, port: 9 }]), 437);
      await allocated(client);
      gives(await client.ask(METHOD.CONNECT), 400);
      for (const address of ['169.254.169.254', '127.0.0.1', '0.0.0.0', '10.0.0.1']) {
        gives(await client.about(METHOD.CONNECT, [{ address, port: 80 }]), 403, address);
      }
      gives(await client.about(METHOD.CONNECT, [{ address: peerAddress, port: 0 }]), 403, 'port 0');
      gives(await client.about(METHOD.CONNECT, [{ address: '2001:db8::9', port: 80 }]), 443);
    },
  },
  {
    name: '446 for a second connection to a peer, 447 where nobody listens',
    rfc: 'RFC 6062 5.2',
    codes: [446, 447],
    check: async (client, { peerAddress }) => {
      await allocated(client);
      const peer = await TcpPeer.open(client.test, peerAddress);
      idOf(await client.about(METHOD.CONNECT, [peer]));
      gives(await client.about(METHOD.CONNECT, [peer]), 446);
      const other = await TcpPeer.open(client.test, peerAddress);
      idOf(await client.about(METHOD.CONNECT, [other]));
      const gone = await TcpPeer.open(client.test, peerAddress);
      const nowhere = { address: peerAddress, port: gone.port };
      await gone.close();
      gives(await client.about(METHOD.CONNECT, [nowhere]), 447);
      gives(await client.about(METHOD.CONNECT, [nowhere]), 447, 'and it may be tried again');
    },
  },
  {
    name: 'ConnectionBind: 400 for a connection that is not pending, 441 for another user',
    rfc: 'RFC 6062 5.4',
    codes: [400, 441],
    check: async (client, subject) => {
      await allocated(client);
      const peer = await TcpPeer.open(client.test, subject.peerAddress);
      const id = idOf(await client.about(METHOD.CONNECT, [peer]));
      gives(await client.ask(METHOD.CONNECTION_BIND, [id]), 400, 'on the control connection');
      const stranger = await client.another();
      gives(await stranger.ask(METHOD.CONNECTION_BIND, [id]), 441);
      const data = await client.another(client.user);
      gives(await data.ask(METHOD.CONNECTION_BIND), 400, 'no CONNECTION-ID');
      const other = connectionId((id.value.readUInt32BE() ^ 1) >>> 0);
      gives(await data.ask(METHOD.CONNECTION_BIND, [other]), 400, 'of nothing');
      gives(await data.ask(METHOD.CONNECTION_BIND, [id]), 'success');
      const late = await client.another(client.user);
      gives(await late.ask(METHOD.CONNECTION_BIND, [id]), 400, 'bound already');
    },
  },
  {
    name: '403 for ChannelBind on a TCP allocation, and for Connect on one of datagrams',
    rfc: 'RFC 6062 3',
    codes: [403],
    check: async (client, { peerAddress }) => {
      const peer = { address: peerAddress, port: 20_000 };
      await allocated(client);
      gives(await client.about(METHOD.CREATE_PERMISSION, [peer]), 'success');
      const channel = { type: ATTRIBUTE.CHANNEL_NUMBER, value: Buffer.from([0x40, 0, 0, 0]) };
      gives(await client.about(METHOD.CHANNEL_BIND, [peer], [channel]), 403);
      const datagrams = await client.another();
      gives(await datagrams.allocate(), 'success');
      gives(await datagrams.about(METHOD.CONNECT, [peer]), 403);
    },
  },
  {
    name: 'ConnectionAttempt names the peer that has a permission, and no other one',
    rfc: 'RFC 6062 5.3',
    check: async (client, { peerAddress, strangerAddress }) => {
      const relayed = await allocated(client);
      const peer = await TcpPeer.open(client.test, peerAddress);
      const stranger = await TcpPeer.open(client.test, strangerAddress);
      gives(await client.about(METHOD.CREATE_PERMISSION, [peer]), 'success');
      const refused = stranger.dial(relayed).then((stream) => stream.rest());
      assert.equal(await refused.catch(() => ''), '', 'the stranger hears nothing');
      const inbound = await peer.dial(relayed);
      const attempt = await client.next((frame) => {
        const message = parseStun(frame);
        return message?.method === METHOD.CONNECTION_ATTEMPT ? message : undefined;
      });
      assert.equal(attempt.class, 'indication');
      const named = attributeOf(attempt, ATTRIBUTE.XOR_PEER_ADDRESS);
      assert.equal(
        (named?.readUInt16BE(2) ?? 0) ^ 0x2112,
        inbound.socket.localPort,
        'the one with permission',
      );
      assert.ok(attributeOf(attempt, ATTRIBUTE.CONNECTION_ID), 'CONNECTION-ID');
      // Nobody asks with it, and it is no request.
      const header = { class: 'request', method: METHOD.CONNECTION_ATTEMPT } as const;
      client.raw(buildStun({ ...header, transactionId: Buffer.alloc(12, 7) }, []));
      gives(await client.ask(METHOD.REFRESH), 'success', 'the session lives on');
    },
  },
];
