/** Camera inventory (seed 000): list, create, change, rotate, delete. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  createDeviceSchema,
  updateDeviceSchema,
  type Device,
  type DeviceCreated,
} from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import {
  identityOf,
  isTenant,
  may,
  OtherTenant,
  requireMay,
  type Action,
  type Caller,
} from '../../identity/caller.ts';
import { noteForAudit } from '../audit-trail.ts';
import { access, callerOf } from '../authentication.ts';
import { endEverythingOf } from '../departed.ts';
import { openDatabaseParts, type ApiContext } from '../context.ts';
import { noStore } from '../headers.ts';
import { idParams, namespaceQuery, parseInput } from '../input.ts';
import type { CameraService } from '../services.ts';

export function deviceRoutes(server: FastifyInstance, context: ApiContext): void {
  const { log } = context;
  const options = access('caller');
  const secret = { ...options, onRequest: noStore };

  const created = (made: { device: Device; secret: string }): DeviceCreated => ({
    ...made,
    apiUrl: context.apiUrl(),
    caPem: context.tunnelCaPem,
  });

  server.get('/api/devices', options, (request, reply) => {
    const caller = callerOf(request);
    const { namespace } = parseInput(namespaceQuery, request.query);
    requireMay(caller, 'device.read', { namespace });
    const devices = openDatabaseParts(context).cameras.list(namespace);
    return reply.send({ devices: devices.filter((one) => may(caller, 'device.read', one.namespace)) });
  });

  server.post('/api/devices', secret, (request, reply) => {
    const caller = callerOf(request);
    requireMay(caller, 'device.change');
    const input = parseInput(createDeviceSchema, request.body);
    const namespace = input.namespace ?? onlyNamespace(context, caller);
    requireMay(caller, 'device.change', { namespace });
    const { cameras } = openDatabaseParts(context);
    context.namespaces.get(namespace);
    noteForAudit(request, { namespace, detail: { name: input.name } });
    const made = cameras.create({ ...input, namespace, owner: identityOf(caller) });
    noteForAudit(request, { subject: made.device.id });
    log.info({ namespace, device: made.device.id, by: identityOf(caller) }, 'camera created');
    return reply.code(201).send(created(made));
  });

  server.get('/api/devices/:id', options, (request, reply) =>
    reply.send({ device: findDevice(context, request, 'device.read').device }),
  );

  server.patch('/api/devices/:id', options, (request, reply) => {
    const { cameras, device } = findDevice(context, request, 'device.change');
    const { name, capture } = parseInput(updateDeviceSchema, request.body);
    const change = { ...(name === undefined ? {} : { name }), ...(capture === undefined ? {} : { capture }) };
    noteForAudit(request, { detail: change });
    return reply.send({ device: cameras.update(device.id, change) });
  });

  server.post('/api/devices/:id/rotate', secret, (request, reply) => {
    const { cameras, device } = findDevice(context, request, 'device.change');
    const made = cameras.rotate(device.id);
    log.info({ device: device.id, by: identityOf(callerOf(request)) }, 'device secret rotated');
    return reply.send(created(made));
  });

  server.delete('/api/devices/:id', options, async (request, reply) => {
    const { cameras, device } = findDevice(context, request, 'device.change');
    cameras.delete(device.id);
    await endEverythingOf(context, device.id, device.namespace);
    log.info({ device: device.id, by: identityOf(callerOf(request)) }, 'camera deleted');
    return reply.send({ ok: true });
  });
}

/**
 * The camera of the path, when the caller may do `action` with it. A camera of another namespace is as
 * unknown to an API key as one that never was.
 */
export function findDevice(
  context: ApiContext,
  request: FastifyRequest,
  action: Action,
): { cameras: CameraService; device: Device } {
  const caller = callerOf(request);
  const { cameras } = openDatabaseParts(context);
  const device = cameras.get(parseInput(idParams, request.params).id);
  if (isTenant(caller) && caller.namespace !== device.namespace) {
    throw new OtherTenant('device_not_found', 'There is no such camera.', device.namespace);
  }
  noteForAudit(request, { namespace: device.namespace });
  const code = action === 'live_view' ? 'forbidden_device_role' : 'forbidden';
  requireMay(caller, action, { namespace: device.namespace, code });
  return { cameras, device };
}

function onlyNamespace(context: ApiContext, caller: Caller): string {
  if (isTenant(caller)) return caller.namespace;
  const names = context.namespaces.list().map(({ name }) => name);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new AppError(
    'invalid_request',
    names.length === 0
      ? 'There is no namespace yet. Create one first.'
      : `namespace: name the namespace the camera belongs to: ${names.slice(0, 10).join(', ')}.`,
  );
}
