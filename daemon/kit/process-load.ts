/** @returns what this process has used: CPU seconds of all its threads since start, resident bytes now. */
export function processLoad(): { cpuSeconds: number; rssBytes: number } {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1_000_000, rssBytes: process.memoryUsage.rss() };
}
