import type { Server } from 'node:net'

/** Tells the parent that the server takes connections; ends with the parent, whatever became of it. */
export function ready(hello: Readonly<Record<string, string | number>>): void {
  process.stdout.write(`${JSON.stringify(hello)}\n`)
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.exit()
  }, 1_000).unref()
}

/** Listens on a free loopback port. */
export const listen = (server: Server): Promise<number> =>
  new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { readonly port: number }).port)),
  )
