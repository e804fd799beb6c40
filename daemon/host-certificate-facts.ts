/** What the inspection learns of this host's certificates, and what its own clients trust. Changes nothing. */
import { join } from 'node:path';
import type { DaemonConfig } from './contract/daemon-config.ts';
import type { CertificateFacts } from './health/inspect/facts.ts';
import { API_OWNER } from './host-certificates.ts';
import type { AcmeCertificates } from './system/acme/acme-certificates.ts';
import { certificatesIn, lookAtCertificate } from './system/certificate-facts.ts';
import { turnOwner } from './system/turn-certificates.ts';

type Options = { config: DaemonConfig; acme: AcmeCertificates | undefined };
type CertificatePath = Pick<CertificateFacts, 'title' | 'subject' | 'path' | 'renewed' | 'orderProblem'> & {
  key: string;
};

/** Never rejects: what cannot be read says so. */
export function certificateFacts(
  { config, acme }: Options,
  namespaces: readonly string[],
): Promise<CertificateFacts[]> {
  const { dataDir, turn } = config;
  const { certFile, keyFile } = turn.certificate;
  const inCa = (name: string): string => join(dataDir, 'ca', name);
  const here = { renewed: 'here', orderProblem: '' } as const;
  const order = (owner: string): Pick<CertificatePath, 'renewed' | 'orderProblem'> => {
    const found = acme?.list().find(({ usedBy }) => usedBy.includes(owner));
    return found === undefined ? here : { renewed: 'by-authority', orderProblem: found.problem };
  };
  const paths: CertificatePath[] = [
    { title: 'certificate authority', subject: 'host', path: inCa('ca.pem'), key: inCa('ca.key'), ...here },
    {
      title: 'server certificate',
      subject: 'host',
      path: inCa('server.pem'),
      key: inCa('server.key'),
      ...here,
    },
    ...namespaces.map((namespace) => {
      const file = turnCertificate(dataDir, namespace);
      return {
        title: 'TURN certificate',
        subject: namespace,
        path: file,
        key: file,
        ...order(turnOwner(namespace)),
      };
    }),
  ];
  const ofApi = acme?.list().find(({ usedBy }) => usedBy.includes(API_OWNER));
  if (acme !== undefined && ofApi !== undefined) {
    const file = ofApi.notAfter === null ? inCa('server.pem') : acme.fileOf(ofApi.name);
    const key = ofApi.notAfter === null ? inCa('server.key') : file;
    paths.push({
      title: 'certificate of the console',
      subject: 'host',
      path: file,
      key,
      ...order(API_OWNER),
    });
  }
  if (certFile !== null && keyFile !== null) {
    const own = { title: 'turn.certificate', subject: 'host', path: certFile, key: keyFile };
    paths.push({ ...own, renewed: 'by-operator', orderProblem: '' });
  }
  return Promise.all(
    paths.map(async ({ key, ...file }) => ({ ...file, ...(await lookAtCertificate(file.path, key)) })),
  );
}

/** The local authority, and what vouches for the certificate that the namespace shows. */
export async function trustOf({ dataDir, turn }: DaemonConfig, namespace: string): Promise<string> {
  const shown = await certificatesIn(turnCertificate(dataDir, namespace));
  return turn.certificate.certFile === null
    ? (await certificatesIn(join(dataDir, 'ca', 'ca.pem'))) + shown
    : shown;
}

function turnCertificate(dataDir: string, namespace: string): string {
  return join(dataDir, 'turn-certificates', `${namespace}.pem`);
}
