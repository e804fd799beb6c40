/** What a person needs to attach a camera, with the secret that is shown once. */
import type { DeviceCreated } from '../../../daemon/contract/api.ts';
import { printable } from '../../output.ts';

export function secretText(made: DeviceCreated, what: string): string {
  const lines = [
    `${what} ${printable(made.device.name)} (${made.device.id}) in ${made.device.namespace}. The secret is shown this once:`,
    '',
    `  API_URL=${made.apiUrl}`,
    `  DEVICE_SECRET=${made.secret}`,
  ];
  if (made.caPem !== null) {
    lines.push(
      '',
      `The tunnel's certificate is signed by this server's own CA. On the camera:`,
      `  curl -o turnkeep-ca.pem ${made.apiUrl}/v1/ca.pem    # then start it with SSL_CERT_FILE=turnkeep-ca.pem`,
    );
  }
  return lines.join('\n');
}
