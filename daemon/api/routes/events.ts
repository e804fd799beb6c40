/** `GET /v1/events`: the live WebSocket. Readers send nothing; what they send is counted as life only. */
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../contract/errors.ts';
import { requireMay } from '../../identity/caller.ts';
import { access, callerOf, stillStands } from '../authentication.ts';
import type { ApiContext } from '../context.ts';
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
        context.live.requireRoom(caller);
        done();
      },
    },
    (socket, request) => {
      const caller = callerOf(request);
      socket.on('error', () => undefined); // 'close' follows and is what matters.
      socket.once('close', context.live.add(socket, caller));
      keepAlive(socket, context.clock, () => stillStands(context, caller));
    },
  );
}
