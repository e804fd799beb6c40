/**
 * `GET /v1/events`: the live WebSocket. Readers send nothing; what they send is counted as life only.
 * With `?turn=NAMESPACE` it carries the running TURN service of that namespace too, with `?rooms=NAMESPACE` its rooms,
 * with `?load=1` the load of the host.
 */
import type { FastifyInstance } from 'fastify';
import { eventsQuerySchema } from '../../contract/api.ts';
import { AppError } from '../../contract/errors.ts';
import { requireMay } from '../../identity/caller.ts';
import { access, callerOf, stillStands } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
import { parseInput } from '../input.ts';
import { keepAlive } from '../keep-alive.ts';

export function eventRoutes(server: FastifyInstance, context: ApiContext): void {
  server.get(
    '/v1/events',
    {
      ...access('caller'),
      websocket: true,
      preValidation: (request, _reply, done) => {
        if (!request.ws)
          throw new AppError('invalid_request', 'This is a WebSocket: open it with ws:// or wss://.');
        const caller = callerOf(request);
        requireMay(caller, 'events.watch');
        const { turn, rooms, load } = parseInput(eventsQuerySchema, request.query);
        if (load !== undefined) requireMay(caller, 'metrics.read');
        if (turn !== undefined) {
          requireMay(caller, 'turn.read', { namespace: turn });
          context.namespaces.get(turn);
        }
        if (rooms !== undefined) {
          requireMay(caller, 'room.read', { namespace: rooms });
          context.namespaces.get(rooms);
        }
        context.live.requireRoom(caller, turn, rooms);
        done();
      },
    },
    (socket, request) => {
      const caller = callerOf(request);
      socket.on('error', () => undefined); // 'close' follows and is what matters.
      const { load, ...services } = parseInput(eventsQuerySchema, request.query);
      socket.once('close', context.live.add(socket, caller, { ...services, load: load !== undefined }));
      keepAlive(socket, context.clock, () => stillStands(context, caller));
    },
  );
}
