/**
 * Frames with their length prefix: recorded from a real client (`recorded`) or made by two independent
 * encoders that agreed (`digest`). `reencodes` marks those whose field and map order is also ours.
 */
import type { Message } from '../../../tunnels/protocol/messages.ts';

export type Golden = { name: string; hex: string; message: Message; reencodes: boolean };

const sdk = {
  agent: 'rstream-python-runtime',
  channel: 'sdk',
  version: '0.7.0',
  os: 'linux',
  arch: 'x86_64',
  protocolVersion: '1.4.5',
};
const agent = { agent: 'agent', protocolVersion: '1.4.5' };
const requestId = 'bececc89-0bcd-437e-b65b-70e30e985339';
const device1 = {
  name: 'device-1',
  publish: true,
  protocol: 'http',
  httpVersion: 'http/1.1',
  tokenAuth: true,
};
const recordedTunnel = { ...device1, type: 'bytestream', labels: { app: 'camera', device: '1' } };
const badSecret = { code: 4000, message: 'bad secret' };

const digest: Golden[] = [
  {
    name: 'OpenControlChannelReq',
    hex: '0000001d0a1b0a190a070a056167656e7432050a03746f6b3a070a05312e342e35',
    message: { type: 'OpenControlChannelReq', body: { clientDetails: { ...agent, token: 'tok' } } },
    reencodes: true,
  },
  {
    name: 'OpenControlChannelRsp ok',
    hex: '0000000b12090a070a05636c692d31',
    message: { type: 'OpenControlChannelRsp', body: { ok: { clientId: 'cli-1' } } },
    reencodes: true,
  },
  {
    name: 'OpenControlChannelRsp error',
    hex: '0000000f120d120b08e80712060a046e6f7065',
    message: { type: 'OpenControlChannelRsp', body: { error: { code: 1000, message: 'nope' } } },
    reencodes: true,
  },
  {
    name: 'OpenTunnelReq',
    hex: '0000003c2a3a0a02723112341a0a0a086465766963652d312a02080132060a04687474703a080a036170701201788a010a0a08687474702f312e319a01020801',
    message: {
      type: 'OpenTunnelReq',
      body: { requestId: 'r1', tunnelProperties: { ...device1, labels: { app: 'x' } } },
    },
    reencodes: true,
  },
  {
    name: 'OpenTunnelRsp',
    hex: '0000006e326c0a02723112660a070a0574756e2d311a0a0a086465766963652d31220c0a0a6279746573747265616d2a02080132060a04687474703a080a036170701201788a010a0a08687474702f312e319a01020801b201120a10612e742e6578616d706c652e74657374ba010308bb03',
    message: {
      type: 'OpenTunnelRsp',
      body: {
        requestId: 'r1',
        tunnelProperties: {
          ...device1,
          id: 'tun-1',
          type: 'bytestream',
          labels: { app: 'x' },
          hostname: 'a.t.example.test',
          port: 443,
        },
      },
    },
    reencodes: true,
  },
  {
    name: 'ProxyConnReq',
    hex: '000000164a140a0574756e2d31120473742d311a050a03736563',
    message: { type: 'ProxyConnReq', body: { tunnelId: 'tun-1', streamId: 'st-1', secret: 'sec' } },
    reencodes: true,
  },
  {
    name: 'ProxyConnRsp',
    hex: '0000000852060a0473742d31',
    message: { type: 'ProxyConnRsp', body: { streamId: 'st-1' } },
    reencodes: true,
  },
  {
    name: 'ProxyReq',
    hex: '000000275a250a190a070a056167656e7432050a037365633a070a05312e342e35120473742d311a020801',
    message: {
      type: 'ProxyReq',
      body: { clientDetails: { ...agent, token: 'sec' }, streamId: 'st-1', zeroRtt: true },
    },
    reencodes: true,
  },
  {
    name: 'Heartbeat, sequence 1',
    hex: '000000047a020801',
    message: { type: 'Heartbeat', body: { sequence: 1n } },
    reencodes: true,
  },
  {
    name: 'Heartbeat, acknowledgement 1',
    hex: '000000047a021001',
    message: { type: 'Heartbeat', body: { acknowledgement: 1n } },
    reencodes: true,
  },
  {
    name: 'Heartbeat, empty',
    hex: '000000027a00',
    message: { type: 'Heartbeat', body: {} },
    reencodes: true,
  },
  {
    name: 'CloseControlChannelReq',
    hex: '000000021a00',
    message: { type: 'CloseControlChannelReq', body: {} },
    reencodes: true,
  },
];

const recorded: Golden[] = [
  {
    name: 'recorded OpenControlChannelReq with liveness',
    hex: '000000580a560a4f0a180a167273747265616d2d707974686f6e2d72756e74696d6512050a0373646b1a070a05302e372e3022070a056c696e75782a080a067838365f363432070a05746f6b2d313a070a05312e342e351203088827',
    message: {
      type: 'OpenControlChannelReq',
      body: { clientDetails: { ...sdk, token: 'tok-1' }, liveness: { heartbeatIntervalMs: 5000 } },
    },
    reencodes: true,
  },
  {
    name: 'recorded OpenControlChannelRsp with server details',
    hex: '0000002212200a1e0a05636c692d3112150a0a0a087475726e6b6565701a070a05302e302e30',
    message: {
      type: 'OpenControlChannelRsp',
      body: { ok: { clientId: 'cli-1', serverDetails: { agent: 'turnkeep', version: '0.0.0' } } },
    },
    reencodes: true,
  },
  {
    name: 'recorded OpenControlChannelRsp with liveness',
    hex: '0000001312110a0f0a05636c692d311a0608e807109875',
    message: {
      type: 'OpenControlChannelRsp',
      body: {
        ok: { clientId: 'cli-1', liveness: { heartbeatIntervalMs: 1000, heartbeatTimeoutMs: 15_000 } },
      },
    },
    reencodes: true,
  },
  {
    name: 'recorded OpenTunnelReq',
    hex: '0000007e2a7c0a2462656365636338392d306263642d343337652d623635622d37306533306539383533333912541a0a0a086465766963652d31220c0a0a6279746573747265616d2a02080132060a04687474703a0d0a03617070120663616d6572613a0b0a066465766963651201318a010a0a08687474702f312e319a01020801',
    message: { type: 'OpenTunnelReq', body: { requestId, tunnelProperties: recordedTunnel } },
    reencodes: true,
  },
  {
    name: 'recorded OpenTunnelRsp with type twice',
    hex: '000000b232af010a2462656365636338392d306263642d343337652d623635622d3730653330653938353333391286011a0a0a086465766963652d31220c0a0a6279746573747265616d2a02080132060a04687474703a0d0a03617070120663616d6572613a0b0a066465766963651201318a010a0a08687474702f312e319a010208010a070a0574756e2d32220c0a0a6279746573747265616db201110a0f612e742e656e67696e652e74657374ba01040891a002',
    message: {
      type: 'OpenTunnelRsp',
      body: {
        requestId,
        tunnelProperties: { ...recordedTunnel, id: 'tun-2', hostname: 'a.t.engine.test', port: 36_881 },
      },
    },
    reencodes: false,
  },
  {
    name: 'recorded ProxyConnReq',
    hex: '0000001b4a190a0574756e2d32120473742d331a0a0a087365632d73742d33',
    message: { type: 'ProxyConnReq', body: { tunnelId: 'tun-2', streamId: 'st-3', secret: 'sec-st-3' } },
    reencodes: true,
  },
  {
    name: 'recorded ProxyReq, zero_rtt true',
    hex: '000000605a5e0a520a180a167273747265616d2d707974686f6e2d72756e74696d6512050a0373646b1a070a05302e372e3022070a056c696e75782a080a067838365f3634320a0a087365632d73742d333a070a05312e342e35120473742d331a020801',
    message: {
      type: 'ProxyReq',
      body: { clientDetails: { ...sdk, token: 'sec-st-3' }, streamId: 'st-3', zeroRtt: true },
    },
    reencodes: true,
  },
  {
    name: 'recorded ProxyReq, zero_rtt present and empty',
    hex: '0000005e5a5c0a520a180a167273747265616d2d707974686f6e2d72756e74696d6512050a0373646b1a070a05302e372e3022070a056c696e75782a080a067838365f3634320a0a087365632d73742d333a070a05312e342e35120473742d331a00',
    message: {
      type: 'ProxyReq',
      body: { clientDetails: { ...sdk, token: 'sec-st-3' }, streamId: 'st-3', zeroRtt: false },
    },
    reencodes: true,
  },
  {
    name: 'recorded ProxyRsp ok',
    hex: '000000026200',
    message: { type: 'ProxyRsp', body: {} },
    reencodes: true,
  },
  {
    name: 'recorded ProxyRsp error',
    hex: '0000001562130a1108a01f120c0a0a62616420736563726574',
    message: { type: 'ProxyRsp', body: { error: badSecret } },
    reencodes: true,
  },
  {
    name: 'recorded ProxyConnRsp error',
    hex: '0000001b52190a0473742d33121108a01f120c0a0a62616420736563726574',
    message: { type: 'ProxyConnRsp', body: { streamId: 'st-3', error: badSecret } },
    reencodes: true,
  },
  {
    name: 'recorded ProxyConnRsp ok',
    hex: '0000000852060a0473742d33',
    message: { type: 'ProxyConnRsp', body: { streamId: 'st-3' } },
    reencodes: true,
  },
  {
    name: 'recorded CloseTunnelReq',
    hex: '000000093a070a0574756e2d32',
    message: { type: 'CloseTunnelReq', body: { tunnelId: 'tun-2' } },
    reencodes: true,
  },
  {
    name: 'recorded CloseTunnelRsp',
    hex: '0000000942070a0574756e2d32',
    message: { type: 'CloseTunnelRsp', body: { tunnelId: 'tun-2' } },
    reencodes: true,
  },
  {
    name: 'recorded CloseControlChannelRsp',
    hex: '000000022200',
    message: { type: 'CloseControlChannelRsp', body: {} },
    reencodes: true,
  },
];

export const GOLDEN_FRAMES: Golden[] = [...digest, ...recorded];
