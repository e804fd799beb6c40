/** Finds a camera by what people type: its id, or its name where that is unique. */
import { deviceListSchema, type Device } from '../../../daemon/contract/api.ts';
import { ApiError, type ApiClient } from '../../api-client.ts';

/** Throws device_not_found, or conflict when several cameras have the name. */
export async function findCamera(
  client: ApiClient,
  given: string,
  namespace: string | undefined,
): Promise<Device> {
  const query = namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`;
  const { devices } = await client.get(`/api/devices${query}`, deviceListSchema);
  const byId = devices.find(({ id }) => id === given);
  if (byId !== undefined) return byId;
  const named = devices.filter(({ name }) => name === given);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  if (named.length === 0)
    throw new ApiError(404, 'device_not_found', `There is no camera ${given}.`, undefined);
  const where = named.map((one) => `${one.namespace} ${one.id}`).join(', ');
  throw new ApiError(
    409,
    'conflict',
    `Several cameras are called ${given}: ${where}. Name one by its id.`,
    undefined,
  );
}
