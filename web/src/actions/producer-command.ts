/** What to paste on the camera so that it dials in. The secret is in the text: it stays in component memory. */

export type ProducerOptions = { apiUrl: string; secret: string; hasOwnCa: boolean };

export const CA_FILE = 'turnkeep-ca.pem';

/** For a shell. The leading space keeps the line out of the shell history (HISTCONTROL=ignorespace). */
export function shellCommand(options: ProducerOptions): string {
  return [
    ` API_URL=${quoted(options.apiUrl)} \\`,
    ...(options.hasOwnCa ? [` SSL_CERT_FILE=./${CA_FILE} \\`] : []),
    ` DEVICE_SECRET=${quoted(options.secret)} \\`,
    ' ./webrtc-video-streaming -config ./config.provisioning.h264.yaml',
  ].join('\n');
}

/** A drop-in for `systemctl edit webrtc-video-streaming`. */
export function systemdDropIn(options: ProducerOptions): string {
  return [
    '[Service]',
    `Environment=API_URL=${options.apiUrl}`,
    ...(options.hasOwnCa ? [`Environment=SSL_CERT_FILE=/etc/ssl/${CA_FILE}`] : []),
    `Environment=DEVICE_SECRET=${options.secret}`,
  ].join('\n');
}

function quoted(value: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
