/** `/v1/namespaces/NAME/api-keys`, or one of them. */
export function keyPath(namespace: string, id?: string): string {
  const all = `/v1/namespaces/${encodeURIComponent(namespace)}/api-keys`;
  return id === undefined ? all : `${all}/${encodeURIComponent(id)}`;
}
