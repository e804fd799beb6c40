/** `/v1/namespaces/NAME/turn/WHAT` */
export function turnPath(namespace: string, what: string): string {
  return `/v1/namespaces/${encodeURIComponent(namespace)}/turn/${what}`;
}
